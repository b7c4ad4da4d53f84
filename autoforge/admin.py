"""Users and groups in the admin's theme."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from core.admin import BulkMixin
from core.changelists import CheckedListMixin
from core.deleting import DeleteSelected

# In the place of Django's, which writes every selected row into its page and ends near 1,000.
admin.site.add_action(DeleteSelected(), "delete_selected")
admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(BulkMixin, CheckedListMixin, DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """People who work here."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    show_full_result_count = False


@admin.register(Group)
class GroupAdmin(BulkMixin, CheckedListMixin, DjangoGroupAdmin, ModelAdmin):
    """Groups of people with the same rights."""

    show_full_result_count = False
