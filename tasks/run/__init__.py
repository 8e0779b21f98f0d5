"""What every run of a cycle shares.

Entry points: `work` (the frame of a run: account, lease, connection, result), `steps` (the retry policy),
`boundary` (which errors leave a step or a flow, for Prefect keeps them),
`windows` (what a run reads, and its cursor), `paging` (call a step page by page), `read_ahead` (fetch the
next page while one is saved), `call_log`, `secrets` (Prefect Secret blocks), `artifacts` (what the Prefect
UI shows).
May import `tasks.watch`.
"""
