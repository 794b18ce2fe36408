// Loaded into every Node server before its own code: whatever listens does so on
// loopback, and each answer becomes a line in the file that ACCESS_LOG names.
const fs = require('fs')
const http = require('http')
const net = require('net')

const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (first, ...rest) {
  if (first !== null && typeof first === 'object') {
    return listen.call(this, 'port' in first ? { ...first, host: '127.0.0.1' } : first, ...rest)
  }
  if (isNaN(first)) return listen.call(this, first, ...rest)
  return listen.call(this, { port: Number(first), host: '127.0.0.1' }, ...rest.filter(f => typeof f === 'function'))
}

const quoted = value => '"' + String(value ?? '-').replace(/["\\]/g, '\\$&') + '"'

if (process.env.ACCESS_LOG) {
  const emit = http.Server.prototype.emit
  http.Server.prototype.emit = function (event, req, res) {
    if (event === 'request') {
      const { method, url } = req
      const sent = ['if-match', 'if-none-match', 'if-unmodified-since', 'accept-encoding'].map(name => req.headers[name])
      res.once('finish', () => {
        const fields = [...sent, res.getHeader('etag')].map(quoted)
        fs.appendFileSync(process.env.ACCESS_LOG, [method, url, res.statusCode, ...fields].join(' ') + '\n')
      })
    }
    return emit.apply(this, arguments)
  }
}
