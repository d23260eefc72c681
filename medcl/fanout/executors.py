"""Executors with the interface of ``concurrent.futures``: in turn, in threads, here, on a cluster.

Rooms below take such an executor and know nothing of Dask, whose import takes a second and is paid
only where it is used. A worker process that dies costs its task a new try on another worker, and
after three of them the task, never the run.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from medcl.errors import RequestError

P = ParamSpec("P")
T = TypeVar("T")

_LOOPBACK = "127.0.0.1:0"
"""Where Dask's server of pages listens, which cannot be left out; here it has no page."""

_DASK_SETTINGS = {
    "distributed.worker.daemon": False,  # tasks may start processes of their own
    "distributed.worker.memory.terminate": False,  # a large volume is no reason to be killed
    "distributed.worker.memory.pause": False,
    "distributed.scheduler.worker-saturation": 1.0,  # a dying worker takes no waiting task along
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.admin.log-format": "%(levelname)s %(message)s",
}


class SerialExecutor(Executor):
    """Runs each task when it is submitted, in this process.

    Example:
        >>> with SerialExecutor() as executor:
        ...     executor.submit(pow, 2, 5).result()
        32
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run the task now.

        Args:
            fn: The task.
            args: Its positional arguments.
            kwargs: Its named arguments.

        Returns:
            A future that is done, with the result or the error.
        """
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 the error belongs to whoever asks for the result
            future.set_exception(error)
        return future


@contextmanager
def executor(where: str, *, workers: int = 1) -> Iterator[Executor]:
    """Give the executor that a setting names.

    Args:
        where: ``serial``; ``threads``, for tasks that wait for processes of their own: one plain
            thread, or several of Dask; ``local``, processes of Dask; or the address of a Dask
            scheduler such as ``tcp://node1:8786``.
        workers: Threads or processes.

    Yields:
        An executor; it is shut down at the end of the block.

    Raises:
        RequestError: ``where`` is none of these, or ``workers`` is below 1.

    Example:
        >>> with executor("serial") as tasks:
        ...     list(tasks.map(abs, [-1, 2]))
        [1, 2]
    """
    if workers < 1:
        raise RequestError(f"At least 1 worker is needed; asked for {workers}.")
    if where == "serial":
        yield SerialExecutor()
    elif where == "threads" and workers == 1:
        # Without Dask, which takes half a second to load.
        thread = ThreadPoolExecutor(1)
        try:
            yield thread
        finally:
            thread.shutdown(cancel_futures=True)
    elif where == "threads":
        with dask_threads(workers) as tasks:
            yield tasks
    elif where == "local":
        with dask_local(workers) as tasks:
            yield tasks
    elif "://" in where:
        with dask_at(where) as tasks:
            yield tasks
    else:
        raise RequestError(
            "Tasks run 'serial', in 'threads', 'local', or at the address of a Dask scheduler such "
            "as tcp://node1:8786; what was asked for is none of these."
        )


@contextmanager
def dask_local(workers: int) -> Iterator[Executor]:
    """Give worker processes of this machine, one thread each, reachable from this machine only.

    Args:
        workers: Processes, at least 1.

    Yields:
        An executor.
    """
    import dask
    from distributed import Client, LocalCluster

    with (
        dask.config.set(_DASK_SETTINGS),
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            memory_limit=0,
            silence_logs=50,
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        yield client.get_executor(pure=False)


@contextmanager
def dask_threads(workers: int) -> Iterator[Executor]:
    """Give threads of this process, by the same scheduler as a cluster; nothing leaves the process.

    At an interrupt the tasks that no thread took up are left undone.

    Args:
        workers: Threads, at least 1.

    Yields:
        An executor.
    """
    import dask
    from distributed import Client, Scheduler, SpecCluster, Worker

    here = {"protocol": "inproc://", "dashboard": False, "dashboard_address": _LOOPBACK}
    worker = {"nthreads": workers, "memory_limit": 0}
    with (
        dask.config.set(_DASK_SETTINGS),
        SpecCluster(  # type: ignore[no-untyped-call]
            scheduler={"cls": Scheduler, "options": here},
            workers={0: {"cls": Worker, "options": here | worker}},
            silence_logs=50,
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        yield client.get_executor(pure=False)


@contextmanager
def dask_at(address: str, *, timeout_s: float = 30.0) -> Iterator[Executor]:
    """Give the workers of a running Dask scheduler.

    Dask's traffic is code: only connect to a scheduler you trust, and secure it by Dask's own
    TLS settings.

    Args:
        address: Such as ``tcp://node1:8786``.
        timeout_s: How long to wait for the scheduler.

    Yields:
        An executor.

    Raises:
        RequestError: No scheduler answers there, or it has no workers.
    """
    from distributed import Client

    try:
        client = Client(address, timeout=timeout_s)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError):
        raise RequestError(
            f"A Dask scheduler must answer at the given address; none did in {timeout_s:.0f} s."
        ) from None
    with client:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            raise RequestError("The Dask scheduler at the given address has no workers.")
        yield client.get_executor(pure=False)  # type: ignore[no-untyped-call]
