"""Fixtures of the stage install: tests run in the order of their files, on one release after the other."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
# pylint: disable=wrong-import-position
from release import Release  # noqa: E402
from shop import Shop  # noqa: E402
from world import World  # noqa: E402

LINES = []  # what was measured


@pytest.fixture(scope="session")
def world():
    w = World()
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"metadata": {"name": "gostat-system", "labels": labels}}
    if namespace["metadata"]["name"] not in [n.metadata.name for n in w.core.list_namespace().items]:
        w.core.create_namespace(namespace)
    return w


@pytest.fixture(scope="session")
def report():
    return LINES.append


@pytest.fixture(scope="session")
def release(world):
    return Release(world)


@pytest.fixture
def shop(world, release):
    """A factory of namespaces; they go with the test."""
    made = []

    def make(name):
        s = Shop(world, name)
        s.controllers.append(release)
        made.append(s)
        return s

    yield make
    for s in made:
        s.close()


def pytest_configure(config):
    config.addinivalue_line("markers", "heal: of ../e2e/test_rights.py")


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("measured")
    for line in LINES:
        terminalreporter.line(line)
