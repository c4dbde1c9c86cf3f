"""The little HTTP that the driver speaks: GET and POST, with a connection that is kept or not."""

import asyncio


class Failed(Exception):
    """No answer, or not the one that was asked for."""


class Connection:
    """A kept connection to one service, opened again after a failure."""

    def __init__(self, address, timeout):
        self.host, port = address.rsplit(":", 1)
        self.port, self.timeout, self.streams = int(port), timeout, None

    async def get(self, path):
        try:
            async with asyncio.timeout(self.timeout):  # wait_for may lose a cancellation that comes with the answer
                return await self._ask("GET", path)
        except (OSError, ValueError, asyncio.TimeoutError, asyncio.IncompleteReadError, Failed) as e:
            self.close()
            raise Failed(f"{self.host}:{self.port}{path}: {e or type(e).__name__}") from e

    async def _ask(self, method, path):
        if self.streams is None:
            self.streams = await asyncio.open_connection(self.host, self.port, limit=1 << 26)
        reader, writer = self.streams
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: 0\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:])}
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        else:
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        if head[0].split()[1] != "200":
            raise Failed(head[0])
        return body.decode("utf-8", "replace")

    def close(self):
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


async def ask(address, path, timeout):
    """One GET on a connection of its own."""
    connection = Connection(address, timeout)
    try:
        return await connection.get(path)
    finally:
        connection.close()
