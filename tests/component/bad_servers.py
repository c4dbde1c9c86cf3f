"""Servers that answer as a pod must not: on loopback, each connection in a thread of its own."""

import gzip
import socket
import threading
import time


class BadServer:
    """Listens on a free port until close(); answer(connection) is called once for each connection."""

    def __init__(self, answer):
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._socket.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection:
                self._answer(connection)
        except OSError:
            pass  # the client has had enough, as it should

    def close(self):
        self._socket.close()


def _head(connection, headers):
    connection.recv(65536)
    connection.sendall(("HTTP/1.1 200 OK\r\n" + headers + "\r\n").encode())


def garbage(connection):
    connection.recv(65536)
    connection.sendall(bytes(range(256)) * 64)


def not_metrics(connection):
    body = b"<html>\x1b]0;owned\x07<body>hello</body></html>"
    _head(connection, f"Content-Length: {len(body)}\r\n")
    connection.sendall(body)


def error_status(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")


def silent(connection):
    time.sleep(60)


def one_byte_a_second(connection):
    _head(connection, "Content-Length: 1000000\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(1)


def endless(connection):
    _head(connection, "Transfer-Encoding: chunked\r\n")
    chunk = b"10000\r\n" + b"#" * 0xFFFF + b"\n" + b"\r\n"
    while True:
        connection.sendall(chunk)


def bomb(connection):
    body = gzip.compress(b"# x\n" * (64 << 18))  # 64 MB in 64 KB
    _head(connection, f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n")
    connection.sendall(body)


ALL = (garbage, not_metrics, error_status, silent, one_byte_a_second, endless, bomb)
