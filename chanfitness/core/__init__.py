"""The loop, the queues that feed it, and the accounts that it owns. No file, no socket.

A put becomes a figure in this order: ``watchable_queue`` (or a plain queue that is
hooked), ``selector`` (one list of all that is put), ``loop`` (which handler), ``ledger``
(what happens), ``peerlog`` (totals). Questions go the same way to ``queries``.

=============  ============================================================================
term           what it is
=============  ============================================================================
*moment*       what the clock said at a put: a datetime, or a ``Reading`` of two clocks
*position*     how far the timeline has come, a timedelta; differences of positions are the
               lifetimes and uptimes
*segment*      a part of the timeline between two times in which nothing was seen
*instant*      a position and the number of its segment: it can be dated
*blind*        time in which nothing is seen: the timeline stands
*flush*        the changes since the last one, as rows for the storage
=============  ============================================================================
"""
