import LogCore
import MessageFormat
import RemotingProtocol

/// What a message's properties say that the broker acts on.
struct SendFacts {
    var uniqueKey: String?
    var hasRegion = false
    var hasTraceOn = false
    var hasCluster = false
    /// A property asks for a delay, perhaps of nothing.
    var mayBeDelayed = false
    /// The message waits for the end of a transaction.
    var isHalf = false
    /// It was popped once, and is sent on with its old handle.
    var hasHandle = false
    /// Its producer numbers its messages, so that each is stored once.
    var isStamped = false

    init() {}

    init(_ properties: UnsafeRawBufferPointer) {
        PropertyScan.forEach(in: properties) { name, value in
            switch name.count {
            case 5 where PropertyScan.equal(name, "DELAY"):
                if !value.elementsEqual("0".utf8) { self.mayBeDelayed = true }
            case 6 where PropertyScan.equal(name, "POP_CK"): self.hasHandle = true
            case 7 where PropertyScan.equal(name, "CLUSTER"): self.hasCluster = true
            case 8 where PropertyScan.equal(name, "UNIQ_KEY"):
                self.uniqueKey = String(decoding: value, as: UTF8.self)
            case 8 where PropertyScan.equal(name, "TRACE_ON"): self.hasTraceOn = true
            case 8 where PropertyScan.equal(name, "TRAN_MSG"):
                if value.elementsEqual("true".utf8) { self.isHalf = true }
            case 10 where PropertyScan.equal(name, "MSG_REGION"): self.hasRegion = true
            case 13 where PropertyScan.equal(name, "APUS_SEQ_DONE"): self.isStamped = true
            case 14 where PropertyScan.equal(name, "TIMER_DELAY_MS"),
                15 where PropertyScan.equal(name, "TIMER_DELAY_SEC"),
                16 where PropertyScan.equal(name, "TIMER_DELIVER_MS"):
                self.mayBeDelayed = true
            default: break
            }
        }
    }
}

extension BrokerEngine {
    /// Leaves the properties to be stored in `scratch`: the producer's own, and what a broker adds.
    mutating func prepareProperties(
        _ properties: UnsafeRawBufferPointer
    ) -> SendFacts {
        var facts = SendFacts(properties)
        self.scratch.removeAll(keepingCapacity: true)
        if facts.hasHandle {
            self.scratch.append(contentsOf: Self.withoutHandle(properties))
        } else {
            self.scratch.append(contentsOf: properties)
        }
        if let last = self.scratch.last, last != 2 { self.scratch.append(2) }
        if facts.uniqueKey == nil {
            let key = self.makeUniqueKey()
            self.addProperty(PropertyName.uniqueKey, key)
            facts.uniqueKey = key
        }
        if !facts.hasRegion, !facts.hasTraceOn, !facts.hasCluster {
            self.scratch.append(contentsOf: self.ownProperties)
            return facts
        }
        if !facts.hasRegion { self.scratch += Self.region }
        if !facts.hasTraceOn { self.scratch += Self.traceOn }
        if !facts.hasCluster { self.addProperty(PropertyName.cluster, self.settings.clusterName) }
        return facts
    }

    private static let region = Self.encoded(PropertyName.region, "DefaultRegion")
    private static let traceOn = Self.encoded(PropertyName.traceOn, "true")

    /// What a broker adds to a message that has none of it, as nearly all.
    static func ownProperties(cluster: String) -> [UInt8] {
        self.region + self.traceOn + self.encoded(PropertyName.cluster, cluster)
    }

    private static func encoded(_ name: String, _ value: String) -> [UInt8] {
        Array("\(name)\u{1}\(value)\u{2}".utf8)
    }

    /// Consumers would take the handle for that of their own pop.
    private static func withoutHandle(_ properties: UnsafeRawBufferPointer) -> [UInt8] {
        var properties = MessageProperties(parsing: properties)
        properties[PropertyName.popCheckpoint] = nil
        return Array(properties.encoded.utf8)
    }

    /// How much longer properties become here, at most.
    var addedBytesMax: Int { 128 + self.settings.clusterName.utf8.count }

    private mutating func addProperty(_ name: String, _ value: String) {
        self.scratch += Self.encoded(name, value)
    }

    /// A unique id for a message whose producer gave none: this broker, the time, a counter.
    private mutating func makeUniqueKey() -> String {
        self.counters.uniqueKeys &+= 1
        var bytes = self.settings.storeHost.presentableToOldClients.ip
        bytes.append(bigEndian: UInt16(truncatingIfNeeded: self.settings.storeHost.port))
        bytes.append(bigEndian: UInt64(bitPattern: self.now.wall.milliseconds) << 16)
        bytes.removeLast(2)
        bytes.append(bigEndian: self.counters.uniqueKeys)
        return Hexadecimal.encode(bytes)
    }
}
