"""The deployments that Prefect has, and runs of them on request."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
)
from prefect.client.schemas.responses import DeploymentResponse

from models.database.session import read_scope
from models.errors import Action, Advice, NotFoundError
from models.sync.cycles import check_has_cycle
from models.sync.records import Cycle
from models.tenants.account import get_account
from models.tenants.account_kinds import kind_of
from models.tenants.records import Mode

PAGE = 200


def read_deployments(
    client: SyncPrefectClient, cycle: Cycle, names: Sequence[str] = ()
) -> dict[str, DeploymentResponse]:
    """Return the deployments of a cycle by name, all of them if no names are given."""

    def pages() -> Iterator[DeploymentResponse]:
        offset = 0
        while True:
            page = client.read_deployments(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[cycle])),
                deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=list(names)))
                if names
                else None,
                limit=PAGE,
                offset=offset,
            )
            yield from page
            if len(page) < PAGE:
                return
            offset += PAGE

    return {deployment.name: deployment for deployment in pages()}


def get_deployment(client: SyncPrefectClient, name: str, cycle: Cycle) -> DeploymentResponse:
    """Return the deployment of an account's cycle. Raises: NotFoundError, RuleError."""
    with read_scope() as session:
        account = get_account(session, name)
    check_has_cycle(name, kind_of(account.kind), cycle)
    deployment = read_deployments(client, cycle, (name,)).get(name)
    if deployment is None:
        if account.mode is Mode.draft:
            raise NotFoundError(
                f"{cycle} of account {name!r} is not deployed: the account is a draft.",
                Advice(Action.account_mode, name, {"mode": "test"}),
            )
        raise NotFoundError(f"{cycle} of account {name!r} is not deployed.", Advice(Action.start))
    return deployment


def request_run(name: str, cycle: Cycle, parameters: Mapping[str, Any] | None = None) -> UUID:
    """Ask Prefect to run a cycle of an account now; return the flow run's id.

    `parameters` replace or extend the parameters of the deployment. Raises: NotFoundError.
    """
    with get_client(sync_client=True) as client:
        deployment = get_deployment(client, name, cycle)
        return client.create_flow_run_from_deployment(deployment.id, parameters=dict(parameters or {})).id
