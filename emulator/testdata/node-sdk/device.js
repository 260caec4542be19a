'use strict';
// Alibaba's device SDK, unmodified, on a lead: each line of standard input is a
// call, each line of standard output what the SDK said. The end of the input ends
// the device, and the process with it.
const readline = require('readline');
const iot = require('alibabacloud-iot-device-sdk');

const say = (said) => process.stdout.write(JSON.stringify(said) + '\n');

const device = iot.device({
  ...JSON.parse(process.env.ALIIOT_NODE_CONFIG || '{}'),
  brokerUrl: process.env.ALIIOT_NODE_BROKER,
  productKey: process.env.ALIIOT_NODE_PRODUCT_KEY,
  deviceName: process.env.ALIIOT_NODE_DEVICE_NAME,
  deviceSecret: process.env.ALIIOT_NODE_DEVICE_SECRET,
});

const input = readline.createInterface({ input: process.stdin });

for (const event of ['connect', 'close', 'offline', 'reconnect', 'error']) {
  device.on(event, ([detail] = []) => {
    say({
      event,
      code: detail && (detail.code || detail.returnCode),
      text: detail && detail.message,
      present: detail && detail.sessionPresent,
    });
    if (event === process.env.ALIIOT_NODE_LEAVE_AT) {
      input.close();
    }
  });
}

// Each call says its own name and number when its callback comes.
const calls = {
  postProps: (done, props) => device.postProps(props, (res) => done({ res })),
  postEvent: (done, name, output) => device.postEvent(name, output, (res) => done({ res })),
  publish: (done, topic, text, qos) => device.publish(topic, text, { qos }, (err) => done({ text: err && err.message })),
  subscribe: (done, topic, qos) => device.subscribe(topic, { qos }, (err, granted) => done({ text: err && err.message, granted })),
  unsubscribe: (done, topic) => device.unsubscribe(topic, (err) => done({ text: err && err.message })),
};

input.on('line', (line) => {
  const { call, n, args } = JSON.parse(line);
  calls[call]((said) => say({ event: call, n, ...said }), ...args);
});
input.on('close', () => device.end(false, () => say({ event: 'end' })));
