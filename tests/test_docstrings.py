"""The examples in the docstrings run, and give what they say."""

import doctest
import importlib
import pkgutil

import pytest

import ddbsim

MODULES = sorted(one.name for one in pkgutil.walk_packages(ddbsim.__path__, "ddbsim.") if "__main__" not in one.name)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
def test_the_examples_of_a_module_give_what_they_say(name):
    module = importlib.import_module(name)
    examples = [one for one in doctest.DocTestFinder(exclude_empty=True).find(module) if one.examples]
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for example in examples:
        runner.run(example)
    assert runner.summarize(verbose=False).failed == 0
