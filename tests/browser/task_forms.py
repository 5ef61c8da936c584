"""A form that a task of the gallery names: of the fields that people meet."""

from __future__ import annotations

from django import forms


class RefundForm(forms.Form):
    decision = forms.ChoiceField(
        choices=[("approve", "Approve"), ("reject", "Reject")], widget=forms.RadioSelect
    )
    amount = forms.DecimalField(min_value=0, decimal_places=2, help_text="In EUR.", initial=77)
    account = forms.ChoiceField(choices=[("card", "Their card"), ("credit", "Store credit")])
    pay_on = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    tell_customer = forms.BooleanField(required=False)
    flags = forms.MultipleChoiceField(
        required=False,
        choices=[("fragile", "Fragile"), ("repeat", "Repeat customer")],
        widget=forms.CheckboxSelectMultiple,
    )
    note = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
