"""Joins its standard streams with a port of the loopback interface: QEMU starts it for each connection of the machine."""

import os
import socket
import sys
import threading

with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10) as server:
    server.settimeout(None)

    def upstream():
        while data := os.read(0, 65536):
            server.sendall(data)
        server.shutdown(socket.SHUT_WR)

    threading.Thread(target=upstream, daemon=True).start()
    while data := server.recv(65536):
        view = memoryview(data)
        while view:
            view = view[os.write(1, view):]
