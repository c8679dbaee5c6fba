// Preloaded into servers that offer no choice of address: they listen on loopback and nowhere else.
import net from 'node:net';

const listen = net.Server.prototype.listen;

net.Server.prototype.listen = function (port, ...rest) {
  const namesOnlyThePort = (typeof port === 'number' || typeof port === 'string') && typeof rest[0] !== 'string';
  return namesOnlyThePort ? listen.call(this, Number(port), '127.0.0.1', ...rest) : listen.call(this, port, ...rest);
};
