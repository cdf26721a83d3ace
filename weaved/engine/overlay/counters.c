#include "weaved/engine/overlay/counters.h"

const char *
overlay_drop_name(enum overlay_drop drop)
{
	static const char *const names[OVERLAY_DROP_MAX] = {
	    [DROP_TRUNCATED] = "truncated",
	    [DROP_UNKNOWN_NAME] = "unknown_name",
	    [DROP_BAD_PACKET] = "bad_packet",
	    [DROP_REPLAY] = "replay",
	    [DROP_SHORT_FRAME] = "short_frame",
	    [DROP_UNKNOWN_PEER] = "unknown_peer",
	    [DROP_BAD_SPECIAL] = "bad_special",
	    [DROP_OWN_FRAME] = "own_frame",
	    [DROP_MAC_OURS] = "mac_ours",
	    [DROP_LOCAL_BAD] = "local_bad",
	    [DROP_LOCAL_CONFLICT] = "local_conflict",
	    [DROP_LOCAL_CONTROL] = "local_control",
	    [DROP_LOCAL_LOCAL] = "local_local",
	    [DROP_NO_ROUTE] = "no_route",
	    [DROP_LOOP] = "loop",
	    [DROP_NO_CONNECTION] = "no_connection",
	    [DROP_NO_ADDRESS] = "no_address",
	    [DROP_TOO_BIG] = "too_big",
	    [DROP_TOO_BIG_ANSWERED] = "too_big_answered",
	    [DROP_TOO_BIG_BROADCAST] = "too_big_broadcast",
	    [DROP_NO_BUFFER] = "no_buffer",
	    [DROP_EMSGSIZE] = "emsgsize",
	    [DROP_SOCKET_FULL] = "socket_full",
	    [DROP_SEND_ERROR] = "send_error",
	    [DROP_TAP_ERROR] = "tap_error",
	    [DROP_BAD_CONTROL] = "bad_control",
	    [DROP_CONTROL_RATE] = "control_rate",
	};

	return names[drop];
}
