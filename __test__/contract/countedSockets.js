'use strict'

const net = require('node:net')

/** @returns {{ sockets: net.Socket[], socketFactory: Function }} a socketFactory, and all that it has made */
function counted() {
  const sockets = []
  const socketFactory = ({ host, port, onConnect }) => {
    const socket = net.connect({ host, port }, onConnect)
    sockets.push(socket)
    return socket
  }
  return { sockets, socketFactory }
}

module.exports = { counted }
