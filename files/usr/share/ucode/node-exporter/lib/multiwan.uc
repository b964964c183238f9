// multiwan's numbers for prometheus-node-exporter-ucode, over ubus.
const answer = ubus.call("multiwan", "metrics");

if (!answer)
	return false;

let name, out;

// Those of one name stand together: one header is for all of them.
for (let m in answer.metrics) {
	if (m.name != name) {
		name = m.name;
		out = (m.type == "counter") ? counter(name, m.help) : gauge(name, m.help);
	}
	out(m.labels, m.value);
}
