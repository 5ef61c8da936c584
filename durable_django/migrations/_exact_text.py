"""Columns whose text is equal only if every character is, on every database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import NOT_PROVIDED


def compare_text_exactly(columns: Mapping[str, Sequence[str]]) -> Callable[[Any, Any], None]:
    """Return what gives these fields, by model, a binary collation on MySQL and MariaDB.

    Their default collations take "Order-1" and "order-1" for one key. The other databases compare
    exactly by themselves. A later migration that alters one of the columns must do this again.
    """

    def run(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor != "mysql":
            return
        for model_name, field_names in columns.items():
            model = apps.get_model("durable_django", model_name)
            for field_name in field_names:
                _alter(schema_editor, model, model._meta.get_field(field_name))

    return run


def _alter(schema_editor: Any, model: Any, field: Any) -> None:
    schema_editor.execute(
        "ALTER TABLE {table} MODIFY {column} {type} "
        "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin {null}{default}".format(
            table=schema_editor.quote_name(model._meta.db_table),
            column=schema_editor.quote_name(field.column),
            type=field.db_type(schema_editor.connection),
            null="NULL" if field.null else "NOT NULL",
            # Else it would be lost: the columns that have one default to the empty text.
            default=" DEFAULT ''" if field.db_default is not NOT_PROVIDED else "",
        ),
        None,
    )
