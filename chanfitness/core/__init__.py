"""The loop, the queues that feed it, and the accounts that it owns. No file, no socket.

An event passes through ``watchable_queue`` (or a hooked plain queue), ``selector`` (merges
the queues), ``loop`` (calls the handler), ``ledger`` (changes the accounts) and ``peerlog``
(keeps totals). A question takes the same way, to ``queries``.

Each term is defined in one module. A *moment* is the clock's answer at a put, a datetime or a
``Reading``; the others:

====================================  ===================
term                                  module
====================================  ===================
*item*, *put*, *repeat*               ``loop``
*known*                               ``ledger``
*flap*                                ``flaps``
*position*, *segment*, *instant*,     ``timeline``
*blind time*
*lifetime*, *uptime*, *unusable*,     ``channel``
*absent*, *gap*, *mark*
*thinned*                             ``history``
*checkpoint*                          ``checkpoints``
*outage*                              ``history_window``
*undecided*                           ``own_outage``
*held* (of a transport outage)        ``transport_outage``
*awaited*, *held* (of a grace)        ``return_grace``
*record*, *unseen*                    ``rollback``
*remembered*, *settled*               ``accounts``
*flush*                               ``saving``
====================================  ===================
"""
