"""A TCP proxy before the S3 server that refuses, is slow, or passes: an S3 with a bad day."""

import contextlib
import os
import socket
import threading
import time
import urllib.parse


class S3Proxy:
    """mode: "pass", "refuse" (connections are closed at once), "stall" (what gostat sends gets nowhere), "slow" (8 KB a second)."""

    def __init__(self, mode="pass", stall_at=None):
        """stall_at: bytes from gostat after which "pass" becomes "stall", once."""
        self.mode = mode
        self.sent = 0  # bytes from gostat on
        self._stall_at = stall_at
        target = urllib.parse.urlsplit(os.environ["S3_ENDPOINT"])
        self._target = (target.hostname, target.port)
        self._listener = socket.create_server((target.hostname, 0))
        self.endpoint = f"https://{target.hostname}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.mode == "refuse":
                client.close()
                continue
            server = socket.create_connection(self._target)
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
            threading.Thread(target=self._back, args=(server, client), daemon=True).start()

    def _forward(self, client, server):
        with contextlib.suppress(OSError), client, server:
            while data := client.recv(8192):
                if self._stall_at and self.sent > self._stall_at:
                    self._stall_at, self.mode = None, "stall"
                while self.mode == "stall":
                    time.sleep(0.05)
                if self.mode == "slow":
                    time.sleep(len(data) / 8192)
                if self.mode == "refuse":
                    return
                server.sendall(data)
                self.sent += len(data)

    @staticmethod
    def _back(server, client):
        with contextlib.suppress(OSError), client, server:
            while data := server.recv(65536):
                client.sendall(data)
