# SPDX-License-Identifier: MIT
"""nats - a NATS server, a client of its text protocol, a door between them, and cronos serve

Everything here waits for a condition, with one deadline for all of them."""
import contextlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

PATIENCE = 60  # seconds until something is taken for broken


def wait_until(what, condition):
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "still not true: " + what
        time.sleep(0.01)


class Server:
    """nats-server on a port of loopback that was free, or on @port again."""

    def __init__(self, work, port=-1, config=""):
        self.directory = tempfile.mkdtemp(dir=work)
        path = os.path.join(self.directory, "server.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write('listen: "127.0.0.1:%d"\nports_file_dir: "%s"\n%s\n'
                       % (port, self.directory, config))
        with open(os.path.join(self.directory, "log"), "wb") as log:
            self.process = subprocess.Popen(["nats-server", "-c", path], stdout=log, stderr=log)
        self.port = wait_until("the server serves", self.read_port)

    def read_port(self):
        assert self.process.poll() is None, open(os.path.join(self.directory, "log")).read()
        path = os.path.join(self.directory, "nats-server_%d.ports" % self.process.pid)
        with contextlib.suppress(OSError, ValueError):
            with open(path, encoding="utf-8") as file:
                return int(json.load(file)["nats"][0].rsplit(":", 1)[1])
        return None

    def url(self, scheme="nats"):
        return "%s://127.0.0.1:%d" % (scheme, self.port)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Client:
    """@sign: makes the signature of what the server gives to be signed."""

    def __init__(self, port, tls=None, sign=None, **options):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.read = self.socket.makefile("rb")
        self.info = json.loads(self.read.readline().split(b" ", 1)[1])
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
            self.read = self.socket.makefile("rb")
        if sign is not None:
            options["sig"] = sign(self.info["nonce"].encode())
        self.messages = []
        self.count = 0
        self.inbox = "_INBOX.%d.%x" % (os.getpid(), id(self))
        self.send(b"CONNECT " + json.dumps(dict(verbose=False, pedantic=False, **options)).encode())
        self.subscribe(self.inbox + ".>")
        self.flush()

    def send(self, line, payload=None):
        self.socket.sendall(line + b"\r\n" + (b"" if payload is None else payload + b"\r\n"))

    def subscribe(self, *subjects):
        for subject in subjects:
            self.count += 1
            self.send(b"SUB %s %d" % (subject.encode(), self.count))
        self.flush()

    def flush(self):
        """Returns when the server has all that was sent."""
        self.send(b"PING")
        while self.read_one() != "PONG":
            pass

    def read_one(self):
        line = self.read.readline()
        assert line, "the server has closed the connection"
        verb, _, rest = line.strip().partition(b" ")
        if verb == b"MSG":
            words = rest.split()
            payload = self.read.read(int(words[-1]) + 2)[:-2]
            self.messages.append((words[0].decode(), json.loads(payload)))
        elif verb == b"PING":
            self.send(b"PONG")
        assert verb != b"-ERR", rest
        return verb.decode()

    def publish(self, subject, payload, reply=None):
        if not isinstance(payload, bytes):
            payload = json.dumps(payload).encode()
        to = b"" if reply is None else b" " + reply.encode()
        self.send(b"PUB %s%s %d" % (subject.encode(), to, len(payload)), payload)

    def ask(self, subject, payload):
        """Sends a request. Returns the subject that it is answered on."""
        self.count += 1
        reply = "%s.%d" % (self.inbox, self.count)
        self.publish(subject, payload, reply)
        return reply

    def take(self, count, matches):
        """Waits for @count messages for which @matches(subject, message); takes them out."""
        while True:
            found = [pair for pair in self.messages if matches(*pair)]
            if len(found) >= count:
                for pair in found[:count]:
                    self.messages.remove(pair)
                return found[:count]
            self.read_one()

    def answers(self, reply, count=1):
        return [message for _, message in self.take(count, lambda subject, _: subject == reply)]

    def on(self, subject, count=1, status=None):
        """The next @count messages on @subject, of that status if one is given."""
        return [message for _, message in self.take(
            count, lambda one, message: one == subject and status in (None, message["status"]))]

    def result(self, subject, payload):
        """Sends a request for a change. Returns the last of its two answers."""
        accepted, result = self.answers(self.ask(subject, payload), 2)
        assert accepted["status"] == "accepted", accepted
        return result

    def close(self):
        self.read.close()
        self.socket.close()


class Door:
    """Passes connections on to @port while it is open; closing it cuts those that there are."""

    def __init__(self, port):
        self.to = port
        self.sockets = []
        self.lock = threading.Lock()
        self.is_open = True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            inner, _ = self.listener.accept()
            with self.lock:
                try:
                    if not self.is_open:
                        raise OSError
                    outer = socket.create_connection(("127.0.0.1", self.to))
                except OSError:
                    inner.close()
                    continue
                self.sockets += [inner, outer]
            for pair in ((inner, outer), (outer, inner)):
                threading.Thread(target=self.copy, args=pair, daemon=True).start()

    @staticmethod
    def copy(source, target):
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(65536)
                if not data:
                    break
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self):
        with self.lock:
            self.is_open = False
            for one in self.sockets:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self.sockets = []

    def open(self):
        with self.lock:
            self.is_open = True


class Service:
    """cronos serve for a project of its own; what it tells a service manager is in @notes.
    @trace: a file for the system calls."""

    def __init__(self, work, name, url, settings="", more="", environment=None, trace=None):
        self.root = os.path.join(work, name)
        self.backups = os.path.join(self.root, "backups")
        os.makedirs(self.backups)
        self.config = os.path.join(work, name + ".conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write('backup: { max_backups = 0; };\nlog: { file = ""; };\n'
                       'service: { url = "%s"; %s };\n%s\n' % (url, settings, more))
        self.log = os.path.join(work, name + ".log")
        self.path = os.path.join(work, name + ".notify")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.path)
        self.notify.settimeout(PATIENCE)
        self.notes = []
        self.trace = trace
        # -D: the tracer is no parent, signals reach the service itself.
        tracer = [] if trace is None else ["strace", "-D", "-f", "-qq", "-o", trace]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                tracer + ["cronos", "-C", self.root, "-c", self.config, "serve"], stdout=log, stderr=log,
                env=dict(os.environ, NOTIFY_SOCKET=self.path, **(environment or {})))

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def log_text(self):
        with open(self.log, encoding="utf-8") as file:
            return file.read()

    def noted(self, start):
        """Waits for a note that starts so, and returns it; notes are seen once, in their order."""
        while True:
            try:
                note = self.notify.recv(65536).decode()
            except socket.timeout:
                raise AssertionError("no %s: %r %s" % (start, self.notes, self.log_text())) from None
            self.notes.append(note)
            if note.startswith(start):
                return note

    def pass_over_notes(self):
        """Those that have come already: what is noted from now on is of now."""
        self.notify.setblocking(False)
        try:
            while True:
                self.notes.append(self.notify.recv(65536).decode())
        except BlockingIOError:
            self.notify.settimeout(PATIENCE)

    def traced(self):
        """Whether the tracer has written the last call of the service."""
        with open(self.trace, encoding="utf-8", errors="replace") as file:
            return re.search(r"^%d +exit_group\(" % self.process.pid, file.read(), re.M)

    def connected(self):
        self.noted("STATUS=Connected")
        return self

    def archives(self):
        return sorted(name for name in os.listdir(self.backups) if name.endswith(".zip"))

    def terminate(self, status=0):
        self.process.send_signal(signal.SIGTERM)
        return self.ended(status)

    def ended(self, status=0):
        got = self.process.wait(PATIENCE)
        assert got == status, "status %d: %s" % (got, self.log_text())
        return self


def tls_context(ca, certificate, key):
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(certificate, key)
    return context
