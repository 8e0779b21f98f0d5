"""Runs that a person asks for: of cycles that are deployed, with parameters of the person's own."""

import pytest
from prefect.client.orchestration import SyncPrefectClient

from deployments.deploy import deploy_account
from deployments.deployed import request_run
from models.errors import Action, Advice, NotFoundError
from models.sync.records import Cycle
from models.tenants.records import Mode
from tests.deployments.conftest import make_account


def test_a_run_is_asked_for_with_parameters(client: SyncPrefectClient, pool: str, account: str) -> None:
    """They extend the parameters of the deployment, which stays as it is."""
    deploy_account(account, pool=pool)

    run = client.read_flow_run(request_run(account, Cycle.article_import, {"full": True}))

    assert run.parameters == {"account": account, "full": True}
    assert run.state is not None
    assert run.state.is_scheduled()


def test_a_run_of_what_is_not_deployed_is_refused_with_the_way_out(pool: str, account: str) -> None:
    """A live account waits for the program to start, a draft for a person who changes its mode."""
    with pytest.raises(NotFoundError, match="is not deployed") as refused:
        request_run(account, Cycle.order_import)
    assert refused.value.advice == (Advice(Action.start),)

    draft = make_account(Mode.draft)
    with pytest.raises(NotFoundError, match="is a draft") as refused:
        request_run(draft, Cycle.order_import)
    assert refused.value.advice == (Advice(Action.account_mode, draft, {"mode": "test"}),)
