"""The snippets, read back as the tools read them: YAML, HCL and a shell's words."""

import json
import re
import shlex

import pytest
import yaml

import ddbsim as ds

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
