"""Fixtures. Scenes that do not disturb each other are all begun before the first test; see README.md."""

import contextlib
import importlib
import time

import pytest
from controller import Controller
from scenes import Scenes
from shop import Shop
from world import World

LINES = []  # what was measured


@pytest.fixture(scope="session")
def world():
    return World()


@pytest.fixture(scope="session")
def report():
    return LINES.append


class Stage:
    """What a scene stands on: namespaces, controllers, and a place for what it measures. Cleans up behind all scenes."""

    def __init__(self, world, stack):
        self.world = world
        self.report = LINES.append
        self._stack = stack

    def shop(self, name):
        shop = Shop(self.world, name)
        self._stack.callback(shop.close)
        return shop

    def controller(self, name, shops=(), **options):
        """A controller of these shops only, with a Lease of its own; without shops of all namespaces."""
        namespaces = [s.ns for s in shops]
        if shops:
            options.setdefault("lease", shops[0].ns)
        c = self._stack.enter_context(Controller(self.world, name, namespaces, **options))
        for s in shops:
            s.controllers.append(c)
        return c


@pytest.fixture(scope="session")
def stage(world):
    with contextlib.ExitStack() as stack:
        yield Stage(world, stack)


def run_scenes(request, stage, modules):
    """The scenes of all selected tests, begun at once: begin(stage, scenes, wanted) of each module knows its own."""
    running = Scenes()
    wanted = {item.name for item in request.session.items}
    since = time.monotonic()
    for module in modules:
        importlib.import_module(module).begin(stage, running, wanted)
    names = " and ".join(modules)
    running.on_end(lambda: LINES.append(f"the scenes of {names}, at once: {time.monotonic() - since:.0f} s"))
    return running


@pytest.fixture(scope="session")
def scenes(request, stage):
    """The first half: not all at once, since two processors are shared by all that runs here."""
    running = run_scenes(request, stage, ["test_1_leaks", "test_2_fleet", "test_2_healing"])
    yield running
    running.close()


@pytest.fixture(scope="session")
def kill_scenes(request, stage, scenes):
    """The second half."""
    scenes.wait()
    running = run_scenes(request, stage, ["test_3_kills"])
    yield running
    running.close()


@pytest.fixture(scope="session")
def heal_actions(request, stage):
    """The stage heal runs in three parts."""
    running = run_scenes(request, stage, ["test_heal_1_actions", "test_heal_1b_kinds"])
    yield running
    running.close()


@pytest.fixture(scope="session")
def heal_refusals(request, stage, heal_actions):
    heal_actions.wait()
    running = run_scenes(request, stage, ["test_heal_2_refusals", "test_heal_2c_ceilings", "test_heal_2d_rights"])
    yield running
    running.close()


@pytest.fixture(scope="session")
def heal_kills(request, stage, heal_refusals):
    heal_refusals.wait()
    running = run_scenes(request, stage, ["test_heal_3_kills"])
    yield running
    running.close()


@pytest.fixture
def alone(kill_scenes, heal_kills):
    """All scenes have ended: the test may stop the API server."""
    kill_scenes.wait()
    heal_kills.wait()


def pytest_collection_modifyitems(items):
    """-m heal: what is done about leaks; -m "not heal": all else. Whether the rights are the least is asked in both."""
    for item in items:
        if item.module.__name__.startswith("test_heal_"):
            item.add_marker("heal")


def pytest_configure(config):
    config.addinivalue_line("markers", "heal: the stage heal of hack/test.sh")


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("measured")
    for line in LINES:
        terminalreporter.line(line)
