"""Runs scenes at once, each on a thread of its own; a test asks for the outcome of its scene."""

import concurrent.futures


class Scenes:
    def __init__(self):
        self._pool = concurrent.futures.ThreadPoolExecutor(max_workers=48)
        self._futures = {}

    def begin(self, name, function, *args):
        assert name not in self._futures
        self._futures[name] = self._pool.submit(function, *args)

    def result(self, name):
        """What the scene has returned; raises what it has raised."""
        return self._futures[name].result(timeout=420)

    def wait(self):
        concurrent.futures.wait(self._futures.values(), timeout=420)

    def close(self):
        self._pool.shutdown(wait=True, cancel_futures=True)
