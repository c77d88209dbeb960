from concurrent.futures import thread as pools
from threading import Thread

from privman_core.bodies import IN_MEMORY, SpooledBody


def test_a_large_body_is_given_up_wherever_garbage_is_collected() -> None:
    """Python may collect it while a thread pool takes in work and holds the lock of all pools."""

    def give_up_within_a_pool() -> None:
        body = SpooledBody()
        body.write(b"x" * (IN_MEMORY + 1))
        with pools._global_shutdown_lock:  # noqa: SLF001 - collecting within `submit` cannot be arranged otherwise
            del body

    giving_up = Thread(target=give_up_within_a_pool, daemon=True)
    giving_up.start()
    giving_up.join(10)
    assert not giving_up.is_alive()
