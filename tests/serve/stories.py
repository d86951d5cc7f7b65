# SPDX-License-Identifier: MIT
"""stories - what the stories of cronos serve have in common, and the one who tells them

A script of stories is called with the name of one, in a directory that is empty. What was started
is ended at the end, by its pid."""
import contextlib
import fcntl
import filecmp
import os
import sys

import nats

WORK = os.getcwd()
STARTED = []
BACKUP, RESTORE = "request.cronos.backup", "request.cronos.restore"
LIST, CLEAN = "request.cronos.list", "request.cronos.clean"


def start(kind, *arguments, **options):
    STARTED.append(kind(WORK, *arguments, **options))
    return STARTED[-1]


def server(**options):
    return start(nats.Server, **options)


def service(url, name="project", **options):
    return start(nats.Service, name, url, **options)


def ready(**options):
    """A server, a service that is connected to it, and a client that hears everything."""
    one = server()
    project = service(one.url(), **options).connected()
    client = nats.Client(one.port)
    client.subscribe("status.>", "event.>")
    return one, project, client


@contextlib.contextmanager
def held(project):
    """Within, no job gets on: the backup directory is locked."""
    fd = os.open(project.backups, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(fd)


def equal(got, wanted):
    assert got == wanted, "expected: %r\n     got: %r" % (wanted, got)


def same_tree(one, two):
    comparison = filecmp.dircmp(one, two, ignore=["backups"])
    assert not (comparison.left_only or comparison.right_only or comparison.diff_files), \
        comparison.report()
    for name in comparison.common_dirs:
        same_tree(os.path.join(one, name), os.path.join(two, name))


def end(one):
    if one.process.poll() is None:
        one.process.kill()
        one.process.wait()


def tell(*stories):
    try:
        {one.__name__: one for one in stories}[sys.argv[1]]()
        for one in STARTED:
            if isinstance(one, nats.Service) and one.process.poll() is None:
                one.terminate()
    except BaseException:
        for one in STARTED:
            if isinstance(one, nats.Service):
                print(one.log_text(), one.notes, file=sys.stderr)
        raise
    finally:
        for one in STARTED:
            end(one)
