module github.com/ifmatch-go/ifmatch/simulation

go 1.26.0

replace github.com/ifmatch-go/ifmatch => ../

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/cenkalti/backoff/v4 v4.3.0
	github.com/ifmatch-go/ifmatch v0.0.0
)

require (
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
)
