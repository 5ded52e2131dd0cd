"""Jobs on threads of their own, and short loops on one."""

import threading

import numba
import pytest
import torch

from spectrack import threads
from spectrack.threads import (
    SHORT,
    beside_others,
    meanwhile,
    on_one_processor,
    processors,
    side_by_side,
    threads_for,
)


@pytest.fixture
def two_processors(monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 2)


def test_jobs_run_at_the_same_time_and_answer_in_order(two_processors):
    meet = threading.Barrier(2, timeout=20)  # breaks unless both are there at once

    def job(number):
        meet.wait()
        return number

    assert side_by_side([lambda: job(1), lambda: job(2)]) == [1, 2]


def test_jobs_compute_with_their_share_and_nobody_else_is_limited(two_processors):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        counted = side_by_side([lambda: (torch.get_num_threads(), numba.get_num_threads())] * 2)
        found = []
        other = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        other.start()
        other.join()
        assert counted == [(1, 1)] * 2
        assert torch.get_num_threads() == 3
        assert found == [3]
    finally:
        torch.set_num_threads(before)


def test_every_thread_has_its_share_however_they_begin(two_processors):
    """Threads begin at the same time, and what one tells torch another may hear."""
    meet = threading.Barrier(2, timeout=20)

    def count():
        meet.wait()  # one job on each thread
        return torch.get_num_threads(), torch.get_num_threads(), numba.get_num_threads()

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for _ in range(40):
            threads._pool.cache_clear()
            assert side_by_side([count] * 2) == [(1, 1, 1)] * 2
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_jobs_of_jobs_stay_on_their_thread(two_processors):
    def outer():
        own = threading.get_ident()
        return beside_others(), [one == own for one in side_by_side([threading.get_ident] * 3)]

    assert side_by_side([outer, outer]) == [(True, [True] * 3)] * 2
    assert not beside_others()


def test_with_one_processor_jobs_follow_one_another_here(monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 1)
    assert side_by_side([threading.get_ident] * 3) == [threading.get_ident()] * 3


def test_the_first_job_that_fails_is_told_when_all_have_ended(two_processors):
    ended = []

    def fail(text):
        raise ValueError(text)

    jobs = [lambda: ended.append(1), lambda: fail("second"), lambda: fail("third")]
    with pytest.raises(ValueError, match="second"):
        side_by_side([*jobs, lambda: ended.append(4)])
    assert ended == [1, 4]


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="numba has a single thread")
def test_short_loops_take_one_thread_and_long_ones_all(two_processors):
    before = numba.get_num_threads()
    with threads_for(SHORT - 1):
        assert numba.get_num_threads() == 1
    with threads_for(SHORT):
        assert numba.get_num_threads() == before
    assert numba.get_num_threads() == before


def test_loops_take_one_thread_where_one_processor_is_left(monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 1)
    with threads_for(SHORT):
        assert numba.get_num_threads() == 1


def test_there_is_a_processor():
    assert processors() >= 1


def test_a_function_for_one_processor_computes_with_one(two_processors):
    before = torch.get_num_threads()
    torch.set_num_threads(3)

    @on_one_processor
    def counted(word, *, times):
        """Text."""
        return word * times, torch.get_num_threads(), beside_others()

    try:
        assert counted("a", times=2) == ("aa", 1, True)
        assert side_by_side([lambda: counted("b", times=1)] * 2) == [("b", 1, True)] * 2
        assert torch.get_num_threads() == 3
        assert counted.__doc__ == "Text."
    finally:
        torch.set_num_threads(before)


def test_it_does_so_beside_others_that_have_several(monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 4)
    counted = on_one_processor(torch.get_num_threads)
    threads._pool.cache_clear()  # threads of other tests have another share
    try:
        assert side_by_side([lambda: (torch.get_num_threads(), counted())] * 2) == [(2, 1)] * 2
    finally:
        threads._pool.cache_clear()


def test_its_errors_are_the_callers(two_processors):
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        on_one_processor(fail)()


def test_where_there_is_one_processor_no_thread_is_asked(monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 1)
    assert on_one_processor(threading.current_thread)() is threading.current_thread()


def test_a_job_is_done_meanwhile_and_waited_for(two_processors):
    go, done = threading.Event(), []

    def job():
        go.wait(20)
        done.append(threading.get_ident())

    wait = meanwhile(job)
    assert not done
    go.set()
    wait()
    wait()  # whoever reads the outcome may ask
    assert len(done) == 1
    assert done[0] != threading.get_ident()


def test_what_fails_meanwhile_is_told_to_who_waits(two_processors):
    def fail():
        raise ZeroDivisionError

    wait = meanwhile(fail)
    with pytest.raises(ZeroDivisionError):
        wait()


def test_nothing_is_left_for_later_where_no_processor_is_free(monkeypatch):
    done = []

    def job():
        done.append(threading.get_ident())

    monkeypatch.setattr(threads, "processors", lambda: 2)
    own = side_by_side([lambda: (meanwhile(job), threading.get_ident())[1]] * 2)
    assert sorted(done) == sorted(own)
    monkeypatch.setattr(threads, "processors", lambda: 1)
    meanwhile(job)
    assert done[2:] == [threading.get_ident()]
