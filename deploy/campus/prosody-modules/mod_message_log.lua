-- One log line a chat message, so that work done can be counted (A4): "message from=u001@campus.test".
local jid_bare = require "util.jid".bare;

module:hook("pre-message/bare", function (event)
	if event.stanza:get_child("body") then
		module:log("info", "message from=%s", jid_bare(event.stanza.attr.from or event.origin.full_jid));
	end
end, 1);
