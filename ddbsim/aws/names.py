"""Names that AWS takes: the alphabet and the length of each kind, and its regions.

Sources: tables and indexes, TableName and IndexName in
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html (3..255 of a-z, A-Z, 0-9, ``_``,
``-``, ``.``); functions, FunctionName in https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html (a bare
name has 64 characters at most); queues, https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/
API_CreateQueue.html (80); topics, https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html (256); buckets,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html. Regions: DynamoDB's endpoints in botocore
1.44.8. All of 2026-11.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["NAMES", "REGIONS", "NameRule"]


class NameRule(NamedTuple):
    """What a name must match, and that in words."""

    pattern: re.Pattern[str]
    allowed: str


def _rule(least: int, most: int, alphabet: str, words: str) -> NameRule:
    return NameRule(re.compile(f"[{alphabet}]{{{least},{most}}}"), f"{least}..{most} characters of {words}")


_LETTERS = "a-z, A-Z, 0-9"

#: The rule of each kind of name.
NAMES: Final = {
    "table": _rule(3, 255, "a-zA-Z0-9_.-", f"{_LETTERS}, _, - and ."),
    "index": _rule(3, 255, "a-zA-Z0-9_.-", f"{_LETTERS}, _, - and ."),
    "function": _rule(1, 64, "a-zA-Z0-9_-", f"{_LETTERS}, _ and -"),
    "sqs": _rule(1, 80, "a-zA-Z0-9_-", f"{_LETTERS}, _ and -"),
    "sns": _rule(1, 256, "a-zA-Z0-9_-", f"{_LETTERS}, _ and -"),
    "s3": _rule(3, 63, "a-z0-9.-", "a-z, 0-9, - and ."),
}

#: Regions with DynamoDB, those of China, of the governments and of the European sovereign cloud included.
REGIONS: Final = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
    *("ca-central-1", "ca-west-1"),
    *("mx-central-1",),
    *("sa-east-1",),
    *("eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3"),
    *(
        "ap-east-1",
        "ap-east-2",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-south-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
    ),
    *("af-south-1",),
    *("il-central-1",),
    *("me-central-1", "me-south-1"),
    *("cn-north-1", "cn-northwest-1"),
    *("us-gov-east-1", "us-gov-west-1", "us-iso-east-1", "us-iso-west-1", "us-isob-east-1", "us-isob-west-1"),
    *("eu-isoe-west-1",),
    *("us-isof-east-1", "us-isof-south-1"),
    *("eusc-de-east-1",),
)
