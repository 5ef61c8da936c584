"""The REST API: closed by default, steered by Django's permissions; needs the extra `rest`.

Mount it with `path("api/durable/", include("durable_django.api.urls"))`.
"""
