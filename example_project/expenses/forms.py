"""What people are asked, as ordinary Django forms: the inbox and the REST API check them alike."""

from __future__ import annotations

from typing import Any

from django import forms


class ReviewForm(forms.Form):
    """Approve a claim, or say why not."""

    approved = forms.TypedChoiceField(
        label="Decision",
        choices=[("yes", "Approve"), ("no", "Reject")],
        coerce=lambda answer: answer == "yes",
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The claimant reads it. Needed for a rejection.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("approved") is False and not cleaned.get("reason"):
            self.add_error("reason", "Say why the claim is rejected.")
        return cleaned
