package import RemotingProtocol

/// Running totals that operators read.
package struct BrokerCounters: Sendable {
    package private(set) var messagesPut: Int64 = 0
    package private(set) var bytesPut: Int64 = 0
    package internal(set) var messagesGot: Int64 = 0
    package private(set) var refusals: [ResponseCode: Int64] = [:]
    var nextQueue: UInt64 = 0
    var uniqueKeys: UInt32 = 0
    var gatherings: UInt64 = 0

    mutating func put(bytes: Int) {
        self.messagesPut += 1
        self.bytesPut += Int64(bytes)
    }

    mutating func refused(_ code: ResponseCode) { self.refusals[code, default: 0] += 1 }
}
