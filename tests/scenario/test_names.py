"""Names are texts of one line that can be written and shown."""

import pytest

import ddbsim as ds

NAMED = {
    "Table.name": lambda name: ds.Table(name=name),
    "Function.name": lambda name: ds.Function(name=name),
    "EventSourceMapping.name": lambda name: ds.EventSourceMapping(name=name),
    "StreamReader.name": lambda name: ds.StreamReader(name=name),
    "GlobalSecondaryIndex.name": lambda name: ds.GlobalSecondaryIndex(name=name),
    "Scenario.name": lambda name: ds.Scenario(workload=ds.PoissonWrites(rate_per_s=1), duration_s=1, name=name),
}


@pytest.mark.parametrize("name", ["a\nb", "a\r", "\ud800", "a\0b", "\x1b[31m", "\u2028"])
@pytest.mark.parametrize("field", NAMED)
def test_what_is_no_line_of_text_is_refused(field, name):
    with pytest.raises(ValueError, match=rf"{field} must be a text of one line without control characters, got '\\"):
        NAMED[field](name)


@pytest.mark.parametrize("field", ["EventSourceMapping.name", "StreamReader.name", "Scenario.name"])
def test_any_letters_are_a_name_of_what_aws_does_not_name(field):
    for name in ("größe", "日本", "a b", "\N{NO-BREAK SPACE}", "$_", "👩‍💻"):
        NAMED[field](name)
