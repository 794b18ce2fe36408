package explain

import (
	"slices"
	"strings"
)

// leased fits a finding to a lease of Azure, about which no RFC says anything.
func (r *refusal) leased(f *Finding) {
	f.RFC = ""
	f.Why = "A lease of Azure Storage refuses each write that doesn't name it; an ETag doesn't help."
	end := decision("break the lease with x-ms-lease-action: break, or wait until it ends")
	for _, e := range slices.Backward(append(slices.Clone(r.before), r.step)) {
		if lasts := e.responseLine("X-Ms-Lease-Duration", ""); lasts.Line != "" {
			if strings.HasSuffix(lasts.Line, "infinite") {
				end = decision("ask its holder to release the lease, or break it with x-ms-lease-action: break; it is infinite, so it doesn't end by itself")
				f.Evidence = append(f.Evidence, lasts)
			}
			break
		}
	}
	f.Fixes = []Fix{asIs("send the id of the lease in x-ms-lease-id, beside the ETag"), end}
}
