"""The whole contract, put together from its chapters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.store_contract.acting import ActingContract
from durable_django.testing.store_contract.children import ChildrenContract
from durable_django.testing.store_contract.claiming import ClaimingContract
from durable_django.testing.store_contract.ending import EndingContract
from durable_django.testing.store_contract.fencing import FencingContract
from durable_django.testing.store_contract.forking import ForkingContract
from durable_django.testing.store_contract.groups import GroupsContract
from durable_django.testing.store_contract.hastening import HasteningContract
from durable_django.testing.store_contract.held_back import HeldBackContract
from durable_django.testing.store_contract.housekeeping import HousekeepingContract
from durable_django.testing.store_contract.human_tasks import HumanTasksContract
from durable_django.testing.store_contract.human_tasks_acts import HumanTasksActsContract
from durable_django.testing.store_contract.human_tasks_timing import HumanTasksTimingContract
from durable_django.testing.store_contract.key_conflicts import ReplacingContract
from durable_django.testing.store_contract.key_lines import QueueingContract
from durable_django.testing.store_contract.leasing import LeasingContract
from durable_django.testing.store_contract.limits import LimitsContract
from durable_django.testing.store_contract.liveness import assert_nothing_stuck
from durable_django.testing.store_contract.maps import MapsContract
from durable_django.testing.store_contract.queue_modes import QueueModesContract
from durable_django.testing.store_contract.queues import QueuesContract
from durable_django.testing.store_contract.rates import RatesContract
from durable_django.testing.store_contract.reading import ReadingContract
from durable_django.testing.store_contract.receiving import ReceivingContract
from durable_django.testing.store_contract.recovering import RecoveringContract
from durable_django.testing.store_contract.retrying import RetryingContract
from durable_django.testing.store_contract.signalling import SignallingContract
from durable_django.testing.store_contract.starting import StartingContract
from durable_django.testing.store_contract.steering import SteeringContract
from durable_django.testing.store_contract.stepping import SteppingContract
from durable_django.testing.store_contract.undoing import UndoingContract
from durable_django.testing.store_contract.waiting import WaitingContract


class CheckpointStoreContract(
    StartingContract,
    SignallingContract,
    ClaimingContract,
    RecoveringContract,
    LeasingContract,
    QueuesContract,
    QueueModesContract,
    RatesContract,
    LimitsContract,
    HeldBackContract,
    ReplacingContract,
    QueueingContract,
    FencingContract,
    SteppingContract,
    UndoingContract,
    WaitingContract,
    ReceivingContract,
    EndingContract,
    SteeringContract,
    ActingContract,
    ForkingContract,
    HasteningContract,
    RetryingContract,
    ReadingContract,
    HousekeepingContract,
    ChildrenContract,
    GroupsContract,
    MapsContract,
    HumanTasksContract,
    HumanTasksTimingContract,
    HumanTasksActsContract,
):
    """Inherit it and give the fixtures `clock` (a ManualClock) and `store` (empty, on it)."""

    @pytest.fixture(autouse=True)
    def _nothing_is_stuck_afterwards(self, store: CheckpointStore) -> Iterator[None]:
        yield
        assert_nothing_stuck(store)
