// A CoreDNS with only the plugins that a Kubernetes node asks for.
//
// The stock one links every plugin, among them the software development kits of
// four clouds, and takes ten times as long to build.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

// The order in which a query passes the plugins, as in CoreDNS's own plugin.cfg.
var order = []string{"health", "ready", "errors", "cache", "kubernetes", "forward"}

func main() {
	dnsserver.Directives = order
	coremain.Run()
}
