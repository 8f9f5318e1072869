/// What one controller sends another in a frame. The first byte is the kind.
enum PeerPayload: Hashable, Sendable {
    case hello(PeerHello)
    case welcome
    /// The answer to a hello before the link is closed.
    case refused(reason: String)
    case raft([UInt8])
    case ping
    case pong

    private enum Kind: UInt8 { case hello = 1, welcome, refused, raft, ping, pong }
    private static let reasonBytesMax = 512

    var encoded: [UInt8] {
        switch self {
        case .hello(let hello): [Kind.hello.rawValue] + hello.encoded
        case .welcome: [Kind.welcome.rawValue]
        case .refused(let reason):
            [Kind.refused.rawValue] + reason.utf8.prefix(Self.reasonBytesMax)
        case .raft(let message): [Kind.raft.rawValue] + message
        case .ping: [Kind.ping.rawValue]
        case .pong: [Kind.pong.rawValue]
        }
    }

    /// Nil when it is none of these.
    init?(parsing bytes: [UInt8]) {
        guard let kind = bytes.first.flatMap({ Kind(rawValue: $0) }) else { return nil }
        let rest = bytes.dropFirst()
        switch kind {
        case .hello:
            guard let hello = PeerHello(parsing: rest) else { return nil }
            self = .hello(hello)
        case .refused:
            self = .refused(
                reason: String(decoding: rest.prefix(Self.reasonBytesMax), as: UTF8.self))
        case .raft: self = .raft(Array(rest))
        case .welcome where rest.isEmpty: self = .welcome
        case .ping where rest.isEmpty: self = .ping
        case .pong where rest.isEmpty: self = .pong
        case .welcome, .ping, .pong: return nil
        }
    }
}

/// The first words on a link: who speaks, to whom, and of which group they think they are.
struct PeerHello: Hashable, Sendable {
    private static let magic = Array("APUSRAFT".utf8)
    private static let version: UInt8 = 1

    var group: String
    var from: String
    var to: String

    init(group: String, from: String, to: String) {
        self.group = group
        self.from = from
        self.to = to
    }

    var encoded: [UInt8] {
        var bytes = Self.magic + [Self.version]
        for name in [self.group, self.from, self.to] {
            let text = name.utf8.prefix(255)
            bytes.append(UInt8(text.count))
            bytes += text
        }
        return bytes
    }

    init?(parsing bytes: ArraySlice<UInt8>) {
        guard bytes.starts(with: Self.magic + [Self.version]) else { return nil }
        var rest = bytes.dropFirst(Self.magic.count + 1)
        var names: [String] = []
        while let count = rest.first.map({ Int($0) }), names.count < 3 {
            rest = rest.dropFirst()
            guard count <= rest.count,
                let name = String(validating: rest.prefix(count), as: UTF8.self)
            else { return nil }
            names.append(name)
            rest = rest.dropFirst(count)
        }
        guard names.count == 3, rest.isEmpty else { return nil }
        self.init(group: names[0], from: names[1], to: names[2])
    }
}
