"""How a record travels: from the write to the end of the invocation that processed it.

The only package that imports SimPy. Its folders are the boxes of the AWS diagram, in the order in which a record passes
through them: ``table``, ``stream``, ``function``, ``mapping``. A box knows those before it, and none after it.

Before the clock starts
-----------------------
What does not depend on any reader is computed for all writes at once, as columns.

1. A workload draws the writes: instants, items, sizes (``ddbsim.workload``, a `WriteColumns`).
2. The table admits them (``table/admission.py``). Under a billing mode each second's requests meet the capacity of
   that second (``table/capacity``), those refused are retried by their clients (``table/clients``), and the writes
   taken go to partitions, which split (``table/partitions``). The result is an `Admission` (``ddbsim.record.table``).
3. Each admitted write that changed its item becomes a record (``stream/publish.py``). A partition writes to one shard
   at a time; a shard closes when it has lived long enough or its partition splits, and its children go on from it. A
   record becomes visible a little after its write. The result is a `StreamLog` (``ddbsim.record.stream``).
4. Each mapping's polls are fixed (``mapping/subscription.py``, ``mapping/schedule.py``): when it begins, which instants
   suspensions leave of its rhythm, which reads are refused because more than two readers share a shard.

While the clock runs
--------------------
5. One poller per mapping and shard moves from one poll that finds something to the next (``mapping/poller.py``); idle
   stretches cost nothing. The filter (``mapping/filtering.py``) decides which records go on.
6. The lanes of the shard (``mapping/lane.py``) form batches from what has been read: a batch closes when it is full or
   its window ends. One batch per lane is in flight at a time.
7. An invocation takes an execution environment, or is throttled (``function/environments.py``). It lasts as long as the
   duration model says, or as the user's handler takes in virtual time (``function/handler.py``).
8. The lane acts on the outcome: it finishes the batch, sends it again after a back-off, bisects it, goes on behind the
   records that a partial response names, or gives it up (``mapping/lane.py``; windows: ``mapping/windowed_lane.py``).
9. What happened is appended to columns: an attempt is one row, a range of records settled together is one row
   (``ddbsim.record.recorder``). No record is ever an object, and no event is a record's own.

After the clock
---------------
10. ``build.py`` returns a `FinishedRun` (``finished.py``). What nothing in the run depends on is worked out when it is
    asked for: the documents of on-failure destinations (``mapping/destination.py``) and the calls of readers that are
    not Lambda (``stream/readers.py``).
11. ``ddbsim.frames`` turns the recording into DataFrames, ``ddbsim.result`` answers questions from these. Neither
    imports this package: ``ddbsim.run`` joins the three.

A second kind of stream, such as Kinesis Data Streams, would publish in ``stream``: what reads it depends on a
`StreamLog` alone.

Words
-----
lane
    One of the concurrent batches of a shard: ``parallelization_factor`` lanes per shard, records divided by item.
batch
    The records that one invocation gets. What a split or a partial response leaves of it is a new batch.
attempt
    One try to invoke the function with a batch; a retry is a further attempt, a throttle keeps the attempt's number.
visible
    A record is visible from the instant from which a read can return it.
turnaround
    The time that a lane needs between the end of one invocation and the start of the next.
settled
    A record is settled once it was processed, filtered out, given up or trimmed: nothing more happens to it.
backlog
    The records of a shard that are written and not settled.
"""
