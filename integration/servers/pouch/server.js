// CouchDB's API over databases in memory.
const express = require('express')
const pouchdb = require('express-pouchdb')
const PouchDB = require('pouchdb')

PouchDB.plugin(require('pouchdb-adapter-memory'))
const databases = PouchDB.defaults({ adapter: 'memory' })
express().use(pouchdb(databases, { inMemoryConfig: true, logPath: '/dev/null' })).listen(process.env.PORT)
