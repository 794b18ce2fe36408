using { managed } from '@sap/cds/common';

// The documented way to optimistic locking: the time of the last change is the
// version, and a write that names none is refused.
@path: '/catalog'
service Catalog {
  entity Books : managed {
    key ID : Integer;
    title  : String;
    author : String;
    stock  : Integer;
  }
  annotate Books with { modifiedAt @odata.etag }
}
