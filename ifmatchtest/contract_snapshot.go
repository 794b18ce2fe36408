package ifmatchtest

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
)

// contractSnapshot is a request as its caller made it.
type contractSnapshot struct {
	fields  http.Request // the fields themselves: the same maps, the same Body
	url     url.URL
	header  http.Header // copies, with the spare capacity of each slice
	trailer http.Header
	form    url.Values
	coding  []string
}

// newContractSnapshot remembers req.
func newContractSnapshot(req *http.Request) contractSnapshot {
	return contractSnapshot{
		fields:  *req,
		url:     *req.URL,
		header:  contractCopy(req.Header),
		trailer: contractCopy(req.Trailer),
		form:    url.Values(contractCopy(http.Header(req.Form))),
		coding:  slices.Clone(req.TransferEncoding),
	}
}

// diff names what is different in req.
func (s contractSnapshot) diff(req *http.Request) []string {
	var names []string
	was, is := reflect.ValueOf(s.fields), reflect.ValueOf(*req)
	for i := range was.NumField() {
		field := was.Type().Field(i)
		if field.IsExported() && !contractSame(was.Field(i), is.Field(i)) {
			names = append(names, "field "+field.Name)
		}
	}
	if s.fields.Context() != req.Context() {
		names = append(names, "context")
	}
	if req.URL != nil && *req.URL != s.url {
		names = append(names, "content of URL")
	}
	if !reflect.DeepEqual(contractCopy(req.Header), s.header) {
		names = append(names, "content of Header")
	}
	if !reflect.DeepEqual(contractCopy(req.Trailer), s.trailer) {
		names = append(names, "content of Trailer")
	}
	if !reflect.DeepEqual(url.Values(contractCopy(http.Header(req.Form))), s.form) {
		names = append(names, "content of Form")
	}
	if !slices.Equal(req.TransferEncoding, s.coding) {
		names = append(names, "content of TransferEncoding")
	}
	return names
}

// contractSame reports whether two fields are the same value: of maps, slices
// and functions, not only an equal one.
func contractSame(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Map, reflect.Func:
		return a.Pointer() == b.Pointer()
	case reflect.Slice:
		return a.Pointer() == b.Pointer() && a.Len() == b.Len()
	default:
		return a.Equal(b)
	}
}

// contractCopy copies h with the spare capacity of its slices, so that an
// append to one of them shows.
func contractCopy(h http.Header) http.Header {
	if h == nil {
		return nil
	}
	c := make(http.Header, len(h))
	for name, values := range h {
		c[name] = slices.Clone(values[:cap(values)])
		c[name+" (number)"] = make([]string, len(values))
	}
	return c
}
