from __future__ import annotations

import pytest

from durable_django.control.payloads.sensitive_keys import is_sensitive

FULL_WIDTH = "".join(chr(ord(letter) + 0xFEE0) for letter in "password")


@pytest.mark.parametrize(
    "key",
    [
        *("password", "PASSWORD", "user_password", "userPassword", "userpassword", "PassWord"),
        *("passwd", "pwd", "db.password", "password2", "new-password", "passphrase"),
        *("secret", "clientSecret", "clientsecret", "secrets", "AWS_SECRET", "sEcReT"),
        *("token", "access_token", "accessToken", "csrfmiddlewaretoken", "tokens", "oauth2Token"),
        *("authorization", "Authorization", "Proxy-Authorization"),
        *("api_key", "api-key", "apikey", "apiKey", "APIKey", "X-Api-Key", "API KEY"),
        *("card", "card_number", "cardNumber", "creditcard", "giftCard", "cards", "CARD"),
        *("cvv", "CVV2", "cvc", "cardCvc", "iban", "fromIban", "IBANs", "ssn", "userSSN"),
        *("credential", "credentials", "aws.credentials", "private_key", "privateKey"),
        *("PRIVATE-KEY", "accessKey", "Set-Cookie", FULL_WIDTH, "--password"),
    ],
)
def test_key_of_a_secret_is_sensitive(key: str):
    assert is_sensitive(key)


@pytest.mark.parametrize(
    "key",
    [
        *("", "order_id", "discard", "discarded", "cardinality", "wildcard", "cardiology"),
        *(
            "tokens_used",
            "token_type",
            "token_count",
            "tokenize",
            "tokenizer",
            "password_changed_at",
        ),
        *("secretary", "secretariat", "keyboard", "key", "monkey", "api", "class_name", "Tasssn"),
        *("taliban", "passenger", "author", "authority", "card_type", "CardDeclinedError", "公開"),
        *("token_expired", "_", "123"),
    ],
)
def test_key_that_only_looks_like_one_is_not(key: str):
    assert not is_sensitive(key)


@pytest.mark.parametrize("key", ["max_tokens", "tokens", "cards"])
def test_number_of_secrets_is_none(key: str):
    assert not is_sensitive(key, is_number=True)


@pytest.mark.parametrize("key", ["token", "cvv", "password", "card_number"])
def test_number_may_be_the_secret(key: str):
    assert is_sensitive(key, is_number=True)


def test_project_adds_its_own_patterns(settings):
    settings.DURABLE = {"REDACT": ["diagnosis", "^internal_"]}

    assert is_sensitive("patientDiagnosis")
    assert is_sensitive("INTERNAL_note")
    assert is_sensitive("password")
    assert not is_sensitive("not_internal_at_all")


def test_very_long_key_is_looked_at_in_full():
    assert is_sensitive("x_" * 5_000 + "password")
