package import MessageFormat

/// What a message's properties say about the time of its delivery, before anything is decided.
///
/// Works on the properties' bytes and builds nothing for a message without delay: every send
/// passes here.
package struct DelayRequest: Hashable, Sendable {
    /// What stands in a property that should be a number.
    enum Number: Hashable, Sendable {
        case absent
        case value(Int64)
        case illegal(String)
    }

    private(set) var level = Number.absent
    private(set) var delaySeconds = Number.absent
    private(set) var delayMilliseconds = Number.absent
    private(set) var deliverAt = Number.absent
    private(set) var cancels: String?

    package init(_ properties: UnsafeRawBufferPointer) {
        PropertyScan.forEach(in: properties) { name, value in
            switch name.count {
            case 5 where DelayProperty.level.equals(name): self.level = Number(value)
            case 14 where DelayProperty.milliseconds.equals(name):
                self.delayMilliseconds = Number(value)
            case 15 where DelayProperty.seconds.equals(name): self.delaySeconds = Number(value)
            case 16 where DelayProperty.deliverAt.equals(name): self.deliverAt = Number(value)
            case 17 where DelayProperty.cancels.equals(name):
                self.cancels = String(decoding: value, as: UTF8.self)
            default: break
            }
        }
    }

    package init(_ properties: MessageProperties) {
        var text = properties.encoded
        self = text.withUTF8 { Self(UnsafeRawBufferPointer($0)) }
    }

    /// Whether it asks for any delay: members of a batch and half messages may have to be refused.
    package var isDelayed: Bool {
        switch self.level {
        case .value(let level) where level > 0: return true
        case .illegal: return true
        default: break
        }
        return self.delaySeconds != .absent || self.delayMilliseconds != .absent
            || self.deliverAt != .absent
    }
}

/// What a message's delay properties come to at a given time.
package enum DelayWish: Hashable, Sendable {
    /// Stored as a normal message at once; also when its time has passed.
    case none
    case deliver(at: Timestamp)
    /// Takes back the message with this unique key that is due then.
    case cancel(topic: String, uniqueKey: String, due: Timestamp)
}

/// Why a message cannot be delayed as it asks.
package enum DelayRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case notANumber(property: String, value: String)
    case tooFar(milliseconds: Int64, delayMax: Int64)
    case cancelTooLate
    case illegalCancel(String)
    case tooManyPending(pendingMax: Int64)

    /// The message itself is at fault (`MESSAGE_ILLEGAL`), not the broker's load (`SYSTEM_ERROR`).
    package var isIllegalMessage: Bool {
        if case .tooManyPending = self { false } else { true }
    }

    package var description: String {
        switch self {
        case .notANumber(let property, let value):
            "timer message illegal: the property \(property) is no number: \"\(value.prefix(64))\""
        case .tooFar(let milliseconds, let delayMax):
            "timer message illegal: its delay of \(milliseconds) ms is above the limit of "
                + "\(delayMax) ms"
        case .cancelTooLate:
            "timer message illegal: the delivery time of the message to be taken back has passed"
        case .illegalCancel(let value):
            "timer message illegal: \"\(value.prefix(64))\" names no topic and unique key"
        case .tooManyPending(let pendingMax):
            "\(pendingMax) delayed messages are waiting, more are not allowed; try again later"
        }
    }
}

extension DelayRequest {
    /// A delay level above zero wins, then `TIMER_DELAY_SEC`, `TIMER_DELAY_MS`, `TIMER_DELIVER_MS`.
    ///
    /// For a transaction ask when it is committed: relative delays run from then. Asking at the
    /// prepare too tells early what the commit would be refused for.
    package func resolve(
        _ settings: DelaySettings, at now: Timestamp
    ) throws(DelayRefusal) -> DelayWish {
        if let level = try self.level.number(of: .level),
            let delay = settings.levels.delay(ofLevel: level)
        {
            return .deliver(at: Self.time(delay, after: now))
        }
        guard let asked = try self.timer(at: now) else { return .none }
        guard asked > now else {
            if self.cancels != nil { throw .cancelTooLate }
            return .none
        }
        let ahead = Self.distance(from: now, to: asked)
        guard ahead <= settings.delayMax else {
            throw .tooFar(milliseconds: ahead, delayMax: settings.delayMax)
        }
        let due = Self.rounded(asked, to: settings.precision)
        guard let cancels = self.cancels else { return due > now ? .deliver(at: due) : .none }
        return try Self.cancellation(cancels, due: due)
    }

    private func timer(at now: Timestamp) throws(DelayRefusal) -> Timestamp? {
        if let seconds = try self.delaySeconds.number(of: .seconds) {
            let (delay, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
            return Self.time(overflow ? (seconds < 0 ? .min : .max) : delay, after: now)
        }
        if let delay = try self.delayMilliseconds.number(of: .milliseconds) {
            return Self.time(delay, after: now)
        }
        return try self.deliverAt.number(of: .deliverAt).map { Timestamp(milliseconds: $0) }
    }

    /// `<topic>+<uniqueKey>`. Neither contains a plus sign.
    private static func cancellation(
        _ text: String, due: Timestamp
    ) throws(DelayRefusal) -> DelayWish {
        guard let plus = text.firstIndex(of: "+"), plus > text.startIndex,
            text.index(after: plus) < text.endIndex
        else { throw .illegalCancel(text) }
        return .cancel(
            topic: String(text[..<plus]), uniqueKey: String(text[text.index(after: plus)...]),
            due: due)
    }

    private static func time(_ delay: Int64, after now: Timestamp) -> Timestamp {
        let (due, overflow) = now.milliseconds.addingReportingOverflow(delay)
        return Timestamp(milliseconds: overflow ? (delay < 0 ? .min : .max) : due)
    }

    private static func distance(from now: Timestamp, to later: Timestamp) -> Int64 {
        let (ahead, overflow) = later.milliseconds.subtractingReportingOverflow(now.milliseconds)
        return overflow ? .max : ahead
    }

    private static func rounded(_ time: Timestamp, to precision: Int64) -> Timestamp {
        guard precision > 1 else { return time }
        let rest = time.milliseconds % precision
        return Timestamp(milliseconds: time.milliseconds - (rest == 0 ? precision : rest))
    }
}

extension DelayRequest.Number {
    init(_ bytes: UnsafeRawBufferPointer) {
        let text = String(decoding: bytes, as: UTF8.self)
        self = Int64(text).map { .value($0) } ?? .illegal(text)
    }

    fileprivate func number(of property: DelayProperty) throws(DelayRefusal) -> Int64? {
        switch self {
        case .absent: return nil
        case .value(let value): return value
        case .illegal(let text): throw .notANumber(property: property.name, value: text)
        }
    }
}
