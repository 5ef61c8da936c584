from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Group, User
from django.db import DataError, OperationalError, models
from django.utils.functional import SimpleLazyObject

from durable_django.codecs.tagged_json import TaggedJsonCodec, TypeAdapter
from durable_django.exceptions import PayloadError
from durable_django.stores.orm.model_references import ModelReferences

pytestmark = pytest.mark.django_db
adapter: TypeAdapter = ModelReferences()
codec = TaggedJsonCodec([adapter])


@pytest.fixture
def user() -> User:
    return User.objects.create(username="ada")


def encode_problem(value: object) -> str:
    with pytest.raises(PayloadError) as caught:
        codec.encode(value)
    return caught.value.problem


def decode_problem(reference: object) -> str:
    with pytest.raises(PayloadError) as caught:
        codec.decode(json.dumps({"user": {"$model": reference}}))
    return caught.value.problem


def test_instance_is_stored_as_a_reference(user):
    assert codec.encode(user) == f'{{"$model":{{"model":"auth.user","pk":{user.pk}}}}}'


def test_instance_is_fetched_again_with_one_query(user, django_assert_num_queries):
    text = codec.encode({"users": [user]})
    User.objects.update(username="grace")

    with django_assert_num_queries(1):
        decoded = codec.decode(text)

    assert decoded == {"users": [user]}
    assert decoded["users"][0].username == "grace"


def test_text_is_stable(user):
    text = codec.encode((user, {user.pk: user}))

    assert codec.encode(codec.decode(text)) == text


def test_lazy_object_is_stored_as_what_it_stands_for(user):
    assert codec.encode(SimpleLazyObject(lambda: user)) == codec.encode(user)


def test_other_database_is_kept(user):
    user._state.db = "replica"

    text = codec.encode(user)

    assert '"db":"replica"' in text
    with pytest.raises(PayloadError, match="database 'replica', which is not in DATABASES"):
        codec.decode(text)


def test_row_hidden_by_the_default_manager_is_found(user, monkeypatch):
    class Hidden(models.Manager):
        def get_queryset(self):
            return super().get_queryset().none()

    hidden = Hidden()
    hidden.model = User
    monkeypatch.setattr(User._meta, "default_manager", hidden, raising=False)

    decoded = codec.decode(codec.encode(user))

    assert decoded == user
    assert not User._default_manager.exists()


class TestRefused:
    @pytest.mark.parametrize("instance", [User(username="new"), User(pk=5), Group(name="x")])
    def test_unsaved_instance_is_refused(self, instance):
        label = instance._meta.label_lower

        assert encode_problem({"a": [instance]}) == f"$.a[0] is an unsaved {label}; save it first."

    def test_deleted_instance_is_refused(self, user):
        user.delete()

        assert "is an unsaved auth.user" in encode_problem(user)

    def test_model_of_no_installed_app_is_refused(self, user):
        stranger = type("Stranger", (User,), {"__module__": __name__, "Meta": type("Meta", (), {"proxy": True, "app_label": "nowhere"})})  # fmt: skip
        instance = stranger(pk=user.pk)
        instance._state.adding = False

        assert "which no installed app has" in encode_problem(instance)

    def test_query_set_is_refused(self):
        assert "QuerySet, which cannot be stored" in encode_problem(User.objects.all())

    def test_missing_row_is_named(self, user):
        text = codec.encode({"user": user})
        pk = user.pk
        user.delete()

        with pytest.raises(
            PayloadError, match=rf"\$\.user refers to 'auth.user' {pk}, which no longer"
        ):
            codec.decode(text)

    @pytest.mark.parametrize(
        ("reference", "problem"),
        [
            pytest.param({"model": "os:system", "pk": 1}, "'os:system', which is no installed model", id="function"),
            pytest.param({"model": "nope.nope", "pk": 1}, "which is no installed model", id="unknown app"),
            pytest.param({"model": "auth.nope", "pk": 1}, "which is no installed model", id="unknown model"),
            pytest.param({"model": "a.b.c", "pk": 1}, "which is no installed model", id="dots"),
            pytest.param({"model": "auth", "pk": 1}, "which is no installed model", id="no dot"),
            pytest.param({"model": ["auth.user"], "pk": 1}, "which is no installed model", id="list"),
            pytest.param({"model": "auth.user", "pk": "x"}, "that it cannot have", id="pk text"),
            pytest.param({"model": "auth.user", "pk": {"a": 1}}, "that it cannot have", id="pk dict"),
            pytest.param({"model": "auth.user", "pk": [1]}, "that it cannot have", id="pk list"),
            pytest.param({"model": "auth.user", "pk": None}, "which no longer exists", id="pk null"),
            pytest.param({"model": "auth.user", "pk": 10**30}, "which no longer exists", id="pk huge"),
            pytest.param({"model": "auth.user", "pk": 1, "db": "x"}, "database 'x'", id="no database"),
            pytest.param({"model": "auth.user", "pk": 1, "db": [1]}, "", id="database list"),
            pytest.param({"model": "auth.user"}, "is no valid model reference", id="no pk"),
            pytest.param({"model": "auth.user", "pk": 1, "x": 1}, "is no valid model reference", id="more"),
            pytest.param([], "is no valid model reference", id="no dict"),
        ],
    )  # fmt: skip
    def test_forged_reference_is_refused(self, reference, problem):
        found = decode_problem(reference)

        assert found.startswith("$.user ")
        assert problem in found

    @pytest.mark.parametrize(
        ("error", "expected"), [(OperationalError, OperationalError), (DataError, PayloadError)]
    )
    def test_database_that_is_down_is_no_bad_payload(self, user, monkeypatch, error, expected):
        def fail(*args: object, **options: object) -> None:
            raise error

        text = codec.encode(user)
        monkeypatch.setattr(models.QuerySet, "get", fail)

        with pytest.raises(expected):
            codec.decode(text)
