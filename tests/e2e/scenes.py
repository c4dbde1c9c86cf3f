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
