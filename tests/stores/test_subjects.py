from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils.functional import SimpleLazyObject

from durable_django.exceptions import DefinitionError
from durable_django.stores.orm.model_references import subject_of


def test_an_instance_is_named_by_its_model_and_key():
    assert subject_of(User(pk=7)) == "auth.user:7"


def test_a_lazy_instance_is_named_like_the_instance():
    assert subject_of(SimpleLazyObject(lambda: User(pk=7))) == "auth.user:7"


def test_a_text_is_taken_as_it_is():
    assert subject_of("shop.order:991") == "shop.order:991"


@pytest.mark.parametrize("value", [7, None, object()], ids=["int", "none", "object"])
def test_anything_else_is_refused(value):
    with pytest.raises(DefinitionError, match="subject"):
        subject_of(value)


def test_an_unsaved_instance_is_refused():
    with pytest.raises(DefinitionError, match=r"unsaved auth\.user"):
        subject_of(User())
