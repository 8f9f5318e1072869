import MessageFormat

/// Appends the fields of a message, in their order.
struct ReplicationWriter {
    var bytes: [UInt8] = []

    mutating func begin(_ kind: ReplicationMessage.Kind) {
        self.bytes.reserveCapacity(64)
        self.bytes.append(kind.rawValue)
        self.bytes.append(ReplicationMessage.version)
    }

    mutating func write(_ epoch: Epoch) { self.bytes.append(bigEndian: epoch.value) }

    mutating func write(_ offset: PhysicalOffset) { self.bytes.append(bigEndian: offset.bytes) }

    /// Cut at a character, never within one.
    mutating func write(_ text: String, bytesMax: Int) {
        var text = text
        while text.utf8.count > bytesMax { text.removeLast() }
        self.bytes.append(bigEndian: UInt16(text.utf8.count))
        self.bytes.append(contentsOf: text.utf8)
    }

    mutating func write(_ hello: ReplicaHello) {
        self.begin(.hello)
        self.write(hello.clusterName, bytesMax: ReplicationMessage.nameBytesMax)
        self.write(hello.brokerName, bytesMax: ReplicationMessage.nameBytesMax)
        self.bytes.append(bigEndian: hello.brokerID)
        self.bytes.append(bigEndian: hello.incarnation)
        self.write(hello.epoch)
        self.bytes.append(bigEndian: hello.logID)
        self.write(hello.logStart)
        self.write(hello.logEnd)
    }

    mutating func write(_ welcome: MasterWelcome) {
        self.begin(.welcome)
        self.write(welcome.epoch)
        self.bytes.append(bigEndian: welcome.logID)
        self.bytes.append(bigEndian: Int64(welcome.segmentBytes))
        self.write(welcome.logStart)
        self.write(welcome.logEnd)
        self.write(welcome.confirmed)
        let history = welcome.history.suffix(ReplicationMessage.historyMax)
        self.bytes.append(bigEndian: UInt32(history.count))
        for entry in history {
            self.write(entry.epoch)
            self.write(entry.start)
        }
    }

    mutating func write(headOf stretch: LentStretch) {
        self.begin(.lent)
        self.write(stretch.epoch)
        self.write(stretch.position)
        self.write(stretch.next)
        self.bytes.append(bigEndian: UInt32(clamping: stretch.bytes.count))
    }

    mutating func write(headOf stretch: LogStretch) {
        self.begin(.batches)
        self.write(stretch.epoch)
        self.write(stretch.confirmed)
        self.write(stretch.position)
        self.bytes.append(bigEndian: UInt32(clamping: stretch.bytes.count))
    }
}
