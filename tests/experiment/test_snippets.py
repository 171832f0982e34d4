"""The snippets, read back as the tools read them: YAML, HCL and a shell's words."""

import json
import re
import shlex

import pytest
import yaml

import ddbsim as ds
from ddbsim.widgets.as_code import as_code

CHANGE = {
    "batch_size": 7,
    "bisect_batch_on_function_error": True,
    "function_response_types": ("ReportBatchItemFailures",),
    "maximum_record_age_in_seconds": 3_600,
    "function.memory_mb": 512,
    "function.reserved_concurrency": 20,
}


class Template(yaml.SafeLoader):
    """YAML with CloudFormation's !Ref."""


Template.add_constructor("!Ref", lambda loader, node: {"Ref": loader.construct_scalar(node)})


def hcl(text):
    """Blocks of flat arguments, which is all that a snippet has: {(type, label): {argument: value}}."""
    blocks = re.findall(r'resource "(\w+)" "(\w+)" \{\n(.*?)\n\}', text, flags=re.DOTALL)
    return {
        (kind, label): {
            name: json.loads(value) for name, value in (line.strip().split(" = ", 1) for line in body.split("\n"))
        }
        for kind, label, body in blocks
    }


def before(**function):
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=5),
        event_source_mappings=ds.EventSourceMapping(function=ds.Function(name="order-indexer", **function)),
        duration_s=1,
    )


@pytest.fixture
def made():
    return ds.snippets(before(), ds.vary(before(), CHANGE))


def test_sam_is_yaml_with_the_change_in_the_right_places(made):
    assert yaml.load(made.sam, Template) == {
        "Resources": {
            "OrderIndexer": {
                "Type": "AWS::Serverless::Function",
                "Properties": {
                    "MemorySize": 512,
                    "ReservedConcurrentExecutions": 20,
                    "Events": {
                        "OrderIndexerStream": {
                            "Type": "DynamoDB",
                            "Properties": {
                                "BatchSize": 7,
                                "BisectBatchOnFunctionError": True,
                                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                                "MaximumRecordAgeInSeconds": 3_600,
                            },
                        }
                    },
                },
            }
        }
    }


def test_terraform_has_a_block_per_resource(made):
    assert hcl(made.terraform) == {
        ("aws_lambda_event_source_mapping", "order_indexer"): {
            "batch_size": 7,
            "bisect_batch_on_function_error": True,
            "function_response_types": ["ReportBatchItemFailures"],
            "maximum_record_age_in_seconds": 3_600,
        },
        ("aws_lambda_function", "order_indexer"): {"memory_size": 512, "reserved_concurrent_executions": 20},
    }


def test_a_reservation_is_taken_away():
    made = ds.snippets(before(reserved_concurrency=20), before())
    (function,) = yaml.load(made.sam, Template)["Resources"].values()
    assert function["Properties"] == {"ReservedConcurrentExecutions": {"Ref": "AWS::NoValue"}}
    assert list(hcl(made.terraform).values()) == [{"reserved_concurrent_executions": -1}]


def test_each_line_of_the_cli_is_one_command(made):
    commands = [shlex.split(line) for line in made.cli.split("\n")]
    assert all(command[:2] == ["aws", "lambda"] for command in commands)
    assert {command[2] for command in commands} == {
        "update-event-source-mapping",
        "update-function-configuration",
        "put-function-concurrency",
    }


def test_nothing_changed_is_said():
    made = ds.snippets(before(), before())
    assert (made.cli, made.sam, made.terraform) == ("", "", "")
    assert str(made) == "nothing that the service sets changes"


HOSTILE = [
    "x; touch PWNED #",
    "$(touch PWNED)",
    "`touch PWNED`",
    "x && touch PWNED | cat > y",
    'it\'s "quoted"',
    '${file("/etc/passwd")}',
    "%{ for x in y }",
    "--profile=other",
    "key: value",
    "- list",
    "#comment",
    "!!python/object/apply:os.system ['touch PWNED']",
    "&anchor *alias",
    "{a: b}",
    "no",
    "Null",
    "1e5",
    "0x1F",
    "ünï-cödé",
    "日本",
    " ",
    "~",
]


@pytest.fixture
def unchecked(monkeypatch):
    """Take names that AWS would refuse: what is pasted must be safe whatever was typed."""
    monkeypatch.setattr("ddbsim.scenario.function.check_aws_name", lambda where, value, kind: None)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_a_name_whatever_it_holds(name):
    def named(**function):
        return ds.Scenario(
            workload=ds.PoissonWrites(rate_per_s=5),
            event_source_mappings=ds.EventSourceMapping(name=name, function=ds.Function(name=name, **function)),
            duration_s=1,
        )

    made = ds.snippets(named(), ds.vary(named(), CHANGE))
    words = [part for word in shlex.split(made.cli) for part in re.split("^(--function-name)=", word) if part]
    given = [words[at + 1] for at, word in enumerate(words) if word == "--function-name"]
    assert given == [name] * 2
    assert words.count("aws") == 3
    assert shlex.split(made.cli, comments=True) == shlex.split(made.cli)
    (taken,) = ds.snippets(named(reserved_concurrency=2), named()).cli.splitlines()
    assert shlex.split(taken)[-1] in (name, f"--function-name={name}")

    ((logical, function),) = yaml.load(made.sam, Template)["Resources"].items()
    assert isinstance(logical, str)
    assert re.fullmatch("[A-Za-z0-9]+", logical)
    ((stream, _),) = function["Properties"]["Events"].items()
    assert re.fullmatch("[A-Za-z0-9]+", stream)
    blocks = hcl(made.terraform)
    assert len(blocks) == made.terraform.count("resource ") == 2
    assert all(re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", label) for _, label in blocks)


def test_names_that_templates_write_alike_stay_apart():
    def two(batch_size):
        names = ["a-b", "a_b"]
        return ds.Scenario(
            workload=ds.PoissonWrites(rate_per_s=5),
            event_source_mappings=[
                ds.EventSourceMapping(function=ds.Function(name=name), batch_size=batch_size) for name in names
            ],
            duration_s=1,
        )

    made = ds.snippets(two(5), two(7))
    assert sorted(yaml.load(made.sam, Template)["Resources"]) == ["AB", "AB2"]
    assert sorted(label for _, label in hcl(made.terraform)) == ["a_b", "a_b2"]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", HOSTILE)
def test_code_is_read_back_as_the_scenario_it_is(name):
    made = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=5),
        event_source_mappings=ds.EventSourceMapping(
            function=ds.Function(name=name), filter_criteria={"eventSourceARN": [name, {"wildcard": "*x"}]}
        ),
        duration_s=1,
        name=name,
    )
    read: dict[str, object] = {}
    exec(as_code(made), read)
    assert read["scenario"] == made
