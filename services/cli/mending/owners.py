"""Whose a folder is, also where its row is lost: the last report about it tells, too."""


def of_account(folder_id: str) -> str:
    """A condition of SQL: this folder is of ``:account``, which is null for all."""
    return f"""(CAST(:account AS text) IS NULL OR {folder_id} IN (SELECT id FROM folders WHERE account = :account
UNION ALL SELECT s.folder_id FROM email_sync_status s WHERE s.account_id = :account))"""  # noqa: S608 (a name of ours)
