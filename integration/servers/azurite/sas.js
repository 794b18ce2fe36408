// node sas.js ACCOUNT KEY prints a shared access signature for everything in the
// account's blob and table services, as a query.
const { createHmac } = require('crypto')

const [account, key] = process.argv.slice(2)
const sas = { sv: '2019-12-12', ss: 'bt', srt: 'sco', sp: 'rwdlacup', se: '2099-12-31T00:00:00Z' }
const toSign = [account, sas.sp, sas.ss, sas.srt, '', sas.se, '', '', sas.sv, ''].join('\n')
sas.sig = createHmac('sha256', Buffer.from(key, 'base64')).update(toSign).digest('base64')
console.log(new URLSearchParams(sas).toString())
