"""Runs scenes at once, each on a thread of its own; a test asks for the outcome of its scene."""

import concurrent.futures

from shop import Shop


class Scenes:
    def __init__(self):
        self._pool = concurrent.futures.ThreadPoolExecutor(max_workers=48)
        self._futures = {}

    def begin(self, name, function, *args):
        """Runs function(*args); the Shops among the arguments are closed behind it."""
        assert name not in self._futures
        self._futures[name] = self._pool.submit(self._run, function, args)

    @staticmethod
    def _run(function, args):
        try:
            return function(*args)
        finally:
            for a in args:
                if isinstance(a, Shop):
                    a.close()

    def result(self, name, seconds=420):
        """What the scene has returned; raises what it has raised."""
        return self._futures[name].result(timeout=seconds)

    def wait(self):
        concurrent.futures.wait(self._futures.values(), timeout=420)

    def on_end(self, function):
        """function() once all that was begun so far has ended."""
        left = set(self._futures.values())

        def one_less(future):
            left.discard(future)
            if not left:
                function()

        for f in list(left):
            f.add_done_callback(one_less)

    def close(self):
        self._pool.shutdown(wait=True, cancel_futures=True)


class Plays:
    """Scenes of one module that share a controller, each in a namespace of its own: test_NAME plays NAME(shop)."""

    def __init__(self):
        self._plays = {}

    def play(self, function):
        self._plays["test_" + function.__name__] = function
        return function

    def begin(self, stage, scenes, wanted, controller, **options):
        chosen = {test: stage.shop(test[5:].replace("_", "-")) for test in self._plays if test in wanted}
        if chosen:
            stage.controller(controller, list(chosen.values()), **options)
        for test, shop in chosen.items():
            scenes.begin(test, self._plays[test], shop)

    def all_of(self, session):
        """Whether all of them are among the session's tests."""
        return self._plays.keys() <= {item.name for item in session.items}

    def any_of(self, wanted):
        """Whether one of them is among these names of tests."""
        return bool(self._plays.keys() & wanted)

    def tests(self, fixture):
        """A test for each play, by its name: it waits for its scene among those of the fixture."""
        return {name: self._test(name, play, fixture) for name, play in self._plays.items()}

    @staticmethod
    def _test(name, play, fixture):
        def test(request):
            request.getfixturevalue(fixture).result(name)

        test.__name__ = name
        test.__doc__ = play.__doc__
        return test
