"""The verbs of operation ids, paths and summaries."""

VERBS = frozenset(
    """accept acknowledge activate add adjust advance allocate analyse analyze append apply approve
    archive assign associate attach authorize ban block book calculate call cancel capture change
    check claim clear clone close collect commit compare complete compute configure confirm connect
    convert copy count create deactivate decline decrement decrypt delete deliver demote deny
    deploy deprovision deregister describe destroy detach detect disable disassociate discard
    disconnect dismiss dispatch download drop duplicate edit email embed empty enable encrypt end
    enhance enqueue enrich enroll erase estimate evaluate evict exchange execute expire export
    extend extract favorite fetch fill filter finalize find finish fire flag follow forward fulfill
    generate get grant hide ignore import increment index initialize initiate insert inspect
    install instantiate invalidate invite invoke issue join kick kill launch leave like link list
    load lock log look lookup manage map mark match merge migrate modify move mute notify open
    order parse patch pause pay perform pin ping place poll populate post preview process promote
    provision publish purchase purge push put query queue reactivate read reassign rebuild receive
    recover recycle redact redeem redeliver refresh refund regenerate register reindex reject
    release reload remove rename render renew reopen reorder reorganize replace reply report
    request rerequest rerun reschedule resend reserve reset resize resolve restart restore restrict
    resume retrieve retry return reverse revert review revoke rollback rotate run sanitise sanitize
    save scale scan schedule search seek select send set share show shutdown sign simulate skip
    snooze split star start stop store stream submit subscribe suspend swap switch sync synchronize
    tag terminate test toggle trace track transfer transform transition translate trash trigger
    truncate unarchive unassign unban unblock undelete unfavorite unfollow unhide uninstall unlike
    unlink unlock unmark unmute unpin unpublish unregister unshare unstar unsubscribe unsuspend
    untag unwatch update upgrade upload upsert validate verify view void vote watch wipe withdraw
    write""".split()  # noqa: SIM905 - read as words
)
ALSO_NOUNS = frozenset(
    """access block book call change check claim clone comment copy count download dispatch
    drop email embed end estimate export favorite filter fire flag follow forward grant import increment index insert
    issue like link list load lock log look lookup map mark match merge move open order patch pause pin ping
    place poll post preview process promote purchase push query queue read refund release report request
    reserve return review run scale schedule scan search set share show sign skip split star start stop
    store stream subscribe switch sync tag test trace track transfer transition trash trigger update upgrade
    upload view vote watch""".split()  # noqa: SIM905 - read as words
)
"""Words that are verbs only where something else says so."""
READS = frozenset(
    """calculate check compare count describe estimate export download fetch find get list lookup
    preview query read retrieve return search show validate verify view""".split()  # noqa: SIM905 - read as words
)
ENDS_OF_IDS = frozenset(
    """add create delete destroy fetch get index insert list partial_update read remove retrieve search
    update""".split()  # noqa: SIM905 - read as words
)
"""Verbs by which frameworks end an id: `users_list`, `accountsGet`."""
PLAIN = {
    "change": "update",
    "destroy": "delete",
    "fetch": "get",
    "index": "list",
    "modify": "update",
    "read": "get",
    "retrieve": "get",
    "return": "get",
    "show": "get",
    "view": "get",
}
"""The usual verb of a tool's name for one that means the same."""
